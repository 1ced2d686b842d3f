// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace kw {

// Severity is a syslog level, which journald reads from the line's front.
enum class Severity { Alert = 1, Error = 3, Warning = 4, Notice = 5, Info = 6 };

// Writes one line for operators to standard error, in one system call. Control characters come out
// as '?'. Nothing secret may be in it: this is not the audit log, and no caller sees it.
void log_line(Severity severity, std::string_view text);

// One line for an error: what was being done, the detail, the place in the source.
void log_error(Severity severity, std::string_view step, const Error& error);

}  // namespace kw
