// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kw::cli {

// The Error behind an answer that is not 2xx: the code that its problem document names (or that
// fits its status, if it holds none), and a text for a person: what was refused, what to do, the
// request id.
Error problem_error(int status, std::string_view body, std::string_view request_id);

// A text from outside with its control characters and malformed bytes as '?', fit for a terminal.
std::string printable(std::string_view text);

}  // namespace kw::cli
