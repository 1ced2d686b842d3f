// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/program.h"
#include "memory_file.h"

namespace kw::test {

// Outcome is what one call of the program left.
struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

// Runs the program as a shell would, with `input` on its standard input.
inline Outcome call(const std::vector<std::string>& words, std::string_view input = {},
                    const cli::ServerCommands& server = {}) {
  std::vector<const char*> argv = {"keyward"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  const MemoryFile in(input);
  const MemoryFile out;
  const MemoryFile err;
  Outcome outcome;
  outcome.exit = cli::run(static_cast<int>(argv.size()), argv.data(), server,
                          {.in = in.fd(), .out = out.fd(), .err = err.fd()});
  outcome.out = out.content();
  outcome.err = err.content();
  return outcome;
}

}  // namespace kw::test
