// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <string>

namespace kw {

void log_line(Severity severity, std::string_view text) {
  std::string line;
  // sd-daemon(3): the prefix means a level where journald reads the stream; people need none.
  static const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
  if (!is_terminal) line = "<" + std::to_string(static_cast<int>(severity)) + ">";
  line += "keyward: ";
  line += text;
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  std::replace_if(line.begin(), line.end(), is_control, '?');
  line += '\n';
  // A diagnostic that cannot be written is lost, and must not stop the service.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void log_error(Severity severity, std::string_view step, const Error& error) {
  log_line(severity, std::string(step) + ": " + error.detail() + " (" + error.file() + ":" +
                         std::to_string(error.line()) + ")");
}

}  // namespace kw
