// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/pattern.h"

namespace kw::audit_read {

// What stands between two stars is taken where it comes first: that leaves most to the rest.
bool Pattern::matches(std::string_view value) const noexcept {
  const std::string& first = pieces_.front();
  const std::string& last = pieces_.back();
  if (pieces_.size() == 1) return value == first;
  if (value.size() < first.size() + last.size()) return false;
  if (!value.starts_with(first) || !value.ends_with(last)) return false;
  value = value.substr(first.size(), value.size() - first.size() - last.size());
  for (std::size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const std::size_t at = value.find(pieces_[i]);
    if (at == std::string_view::npos) return false;
    value.remove_prefix(at + pieces_[i].size());
  }
  return true;
}

bool Pattern::is_lone_star() const noexcept {
  return pieces_.size() == 2 && pieces_[0].empty() && pieces_[1].empty();
}

std::optional<std::string> Pattern::literal() const {
  return pieces_.size() == 1 ? std::optional(pieces_.front()) : std::nullopt;
}

}  // namespace kw::audit_read
