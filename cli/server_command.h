// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/context.h"
#include "cli/client.h"
#include "cli/command.h"

namespace kw::cli {

// What a command does once it has its server.
using ClientRun = std::function<Result<int>(Client&, const Arguments&, const Io&)>;

// Completes a command that talks to a server: adds the client's options and --json, checks
// --context and the settings (a fault there is a usage error), and opens the client.
Command server_command(Command command, ClientRun run);

// Options that several commands share.
Option key_option(Option::Need need);  // --key NAME
Option key_name_argument();            // NAME
Option context_option();               // --context NAME=VALUE, repeated
Option version_option();               // --version N
Option file_option(std::string name, std::string help);

// Checks for Option::check.
std::string check_key_name(const std::string& text);
std::string check_pair(const std::string& text);
std::function<std::string(const std::string&)> check_number(std::uint64_t least,
                                                            std::uint64_t most);

// The values of a repeated NAME=VALUE option, in order.
std::vector<Context::Pair> pairs_of(const Arguments& arguments, std::string_view option);

// A value that check_number passed.
std::uint64_t number_of(const Arguments& arguments, std::string_view option);

// Prints an answer: with --json as it came, else as lines.
Result<void> print_answer(const Answer& answer, const Arguments& arguments, const Io& io);

}  // namespace kw::cli
