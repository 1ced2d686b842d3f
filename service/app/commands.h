// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/program.h"

namespace kw::app {

// `keyward dev` and `keyward serve`.
cli::ServerCommands server_commands();

}  // namespace kw::app
