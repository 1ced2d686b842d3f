// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace kw::test {

// Process is one run of the real program, its output going to files of its own.
class Process {
 public:
  explicit Process(const std::vector<std::string>& words);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  void kill(int signal) const;

  // Waits for the end; the exit code, or minus the signal that ended it.
  int wait();

  std::string out() const;
  std::string err() const;

 private:
  TempDir folder_;
  pid_t pid_;
};

// How many processes name `folder` in their command line, but for this one.
std::size_t processes_in(const std::filesystem::path& folder);

// Whether `claim` comes to hold within a minute.
template <typename Claim>
bool eventually(Claim claim) {
  for (int i = 0; i < 6000; ++i) {
    if (claim()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace kw::test
