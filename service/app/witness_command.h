// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace kw::app {

// `keyward witness`: remembers other hosts' logs and cosigns what continues them.
cli::Command witness_command();

}  // namespace kw::app
