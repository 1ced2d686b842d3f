// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/tally.h"

#include <stdio.h>
#include <stdlib.h>

#include <array>
#include <fstream>
#include <limits>

namespace kw::residency {

TallyFile::~TallyFile() { ::unsetenv("KEYWARD_SHIM_TALLY"); }

void TallyFile::begin() const {
  ::unsetenv("KEYWARD_SHIM_RECORD");
  ::setenv("KEYWARD_SHIM_TALLY", path_.c_str(), 1);
}

std::uint64_t TallyFile::calls() const {
  ::unsetenv("KEYWARD_SHIM_TALLY");
  std::ifstream lines(path_);
  std::uint64_t all = 0;
  for (std::uint64_t count = 0; lines >> count;) {
    all += count;
    lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return all;
}

Judgement TallyFile::judge(bool all_must_be_called) const {
  const std::string command = std::string(KEYWARD_JUDGE) + " " + KEYWARD_TOKEN_FUNCTIONS + " " +
                              path_.string() + (all_must_be_called ? " --all-called" : "") +
                              " 2>&1";
  std::FILE* const judge = ::popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> part{};
  for (std::size_t size = 1; judge != nullptr && size > 0;) {
    size = std::fread(part.data(), 1, part.size(), judge);
    text.append(part.data(), size);
  }
  return {judge != nullptr && ::pclose(judge) == 0, text};
}

}  // namespace kw::residency
