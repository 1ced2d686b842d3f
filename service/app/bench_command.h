// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"

namespace kw::app {

// `keyward bench`.
cli::Command bench_command();

}  // namespace kw::app
