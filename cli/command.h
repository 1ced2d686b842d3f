// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw::cli {

// What every command ends with, unless its own page says more.
constexpr int kExitOk = 0;
constexpr int kExitRefused = 1;
constexpr int kExitUsage = 2;

// Io is where a command reads and writes: descriptors, because plaintext and blobs are bytes.
struct Io {
  int in = 0;
  int out = 1;
  int err = 2;
};

// Option describes one flag, one option with a value or one positional word, as data: the parser,
// the help pages and the shell completion are all made from it.
struct Option {
  enum class Need { Optional, Required, Repeated };
  enum class Completion { Nothing, File, Directory };

  std::string name;   // "--algorithm"; without dashes it is positional: "FILE"
  std::string value;  // what stands for the value in help; empty makes a flag
  std::string help;
  Need need = Need::Optional;
  std::vector<std::string> choices = {};  // a closed list; empty allows all
  Completion completion = Completion::Nothing;
  char letter = 0;  // 'o' for "-o", where there is one
  // Says what is wrong with a value, or nothing. A fault found here is a usage error.
  std::function<std::string(const std::string&)> check = {};

  bool is_positional() const noexcept { return !name.starts_with('-'); }
  bool is_flag() const noexcept { return !is_positional() && value.empty(); }
};

// Arguments are the checked words of one call, by Option::name.
class Arguments {
 public:
  void add(const std::string& name, std::string value) {
    values_[name].push_back(std::move(value));
  }

  bool has(std::string_view name) const noexcept { return values_.contains(name); }
  // The only or first value; empty if absent.
  std::string get(std::string_view name) const;
  const std::vector<std::string>& all(std::string_view name) const noexcept;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Command is one thing the program can do. `run` yields the exit code; an Error is printed and ends
// with 1.
struct Command {
  std::string path;     // "key create": words from the top
  std::string summary;  // one line
  std::string details;  // shown by --help; may be empty
  std::vector<Option> options;
  std::function<Result<int>(const Arguments&, const Io&)> run;
  int usage_exit = kExitUsage;
};

// Writes all of it to a descriptor. Errors: Unavailable.
Result<void> write_all(int fd, std::string_view text);

// Prints "keyward: TEXT" on the error stream and yields the usage exit code: for faults that only
// show when options are looked at together.
int usage_fault(const Io& io, std::string_view text);

}  // namespace kw::cli
