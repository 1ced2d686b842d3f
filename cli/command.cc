// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kw::cli {

std::string Arguments::get(std::string_view name) const {
  const auto& values = all(name);
  return values.empty() ? std::string() : values.front();
}

const std::vector<std::string>& Arguments::all(std::string_view name) const noexcept {
  static const std::vector<std::string> kNone;
  const auto found = values_.find(name);
  return found == values_.end() ? kNone : found->second;
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      return Error(Code::Unavailable, "write: " + std::generic_category().message(errno));
    }
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

int usage_fault(const Io& io, std::string_view text) {
  (void)write_all(io.err, "keyward: " + std::string(text) + "\n");
  return kExitUsage;
}

}  // namespace kw::cli
