// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace kw::app {

// `keyward doctor`.
cli::Command doctor_command();

}  // namespace kw::app
