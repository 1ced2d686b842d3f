// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kw::app {

// `keyward dev`, `keyward serve`, `keyward witness` and `keyward bench`.
cli::ServerCommands server_commands();

}  // namespace kw::app
