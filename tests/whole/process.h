// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"

namespace kw::whole {

// How long anything is waited for before the test fails. Nothing is measured by it.
inline constexpr int kPatienceSeconds = 60;

// Whether `holds` became true while it was asked again and again.
bool comes_true(const std::function<bool()>& holds);

using Environment = std::map<std::string, std::string>;

// What a child gets: this process's environment without the KEYWARD_ variables, and `environment`
// over it. A descriptor of -1 is /dev/null; `third` becomes descriptor 3.
struct Launch {
  std::vector<std::string> words;
  Environment environment;
  int in = -1;
  int out = -1;
  int err = -1;
  int third = -1;
};

// Process is a child that does not outlive this object: it gets SIGTERM, and SIGKILL if it is there
// a minute later.
class Process {
 public:
  // Ends the test if the program cannot be started.
  explicit Process(const Launch& launch);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const noexcept;  // nothing once it has ended
  bool is_running();

  // Its exit code, or 128 and the number of the signal that ended it. Ends the test if it does not
  // come to its end in time.
  int wait(int patience_seconds = kPatienceSeconds);

 private:
  bool has_ended_within(int seconds);

  pid_t pid_ = -1;
  FileDescriptor watch_;
  int code_ = -1;
  bool ended_ = false;
};

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

// Runs a program to its end.
Outcome run(const std::vector<std::string>& words, const Environment& environment = {},
            const std::string& input = {}, int patience_seconds = kPatienceSeconds);

// The path of the program under test.
std::string keyward();

// A file in memory with this content, read from its start.
FileDescriptor memory_file(const std::string& content = {});
std::string content_of(const FileDescriptor& file);

}  // namespace kw::whole
