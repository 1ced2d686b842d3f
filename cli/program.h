// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/command.h"

namespace kw::cli {

// ServerCommands are the commands that need the server's rooms (dev, serve, doctor, bench). They
// are handed in, so that this room does not depend on those.
using ServerCommands = std::vector<Command>;

// Runs the program: parses, checks, runs one command, prints its error. Yields the exit code: 0 ok,
// 1 refused or failed, 2 usage (`audit verify` has its own list). Throws nothing.
int run(int argc, const char* const* argv, const ServerCommands& server, const Io& io = {});

// Every command of the program but `completion`, which is made from this list.
std::vector<Command> all_commands(const ServerCommands& server);

}  // namespace kw::cli
