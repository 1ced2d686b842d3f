// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/command.h"

namespace kw::cli {

// The client's commands, one list per file. All but policy and audit talk to a server.
std::vector<Command> key_commands();
std::vector<Command> crypto_commands();
std::vector<Command> signature_commands();
std::vector<Command> seal_commands();
std::vector<Command> policy_commands();
std::vector<Command> audit_commands();
Command prove_command();    // audit prove
Command context_command();  // audit context
std::vector<Command> audit_read_commands();
std::vector<Command> archive_commands();

}  // namespace kw::cli
