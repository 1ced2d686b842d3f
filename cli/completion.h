// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace kw::cli {

// The shells that `keyward completion` knows.
const std::vector<std::string>& completion_shells();

// A completion script for one of those shells, made from the commands themselves.
std::string completion_script(const std::string& shell, const std::vector<Command>& commands);

}  // namespace kw::cli
