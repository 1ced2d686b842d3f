// SPDX-License-Identifier: Apache-2.0
#include "policy/glob.h"

namespace kw::policy {
namespace {

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

std::size_t next_character(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (at < text.size() && is_continuation(text[at])) ++at;
  return at;
}

}  // namespace

// On a mismatch only the last `*` need take one more: what earlier ones took stays as it is. So the
// cost is at most length times length, whatever the text.
bool Glob::matches(std::string_view value) const noexcept {
  const std::string_view glob = text_;
  std::size_t in_glob = 0;
  std::size_t in_value = 0;
  std::size_t after_star = std::string_view::npos;
  std::size_t star_took = 0;
  while (in_value < value.size()) {
    if (in_glob < glob.size() && glob[in_glob] == '*') {
      after_star = ++in_glob;
      star_took = in_value;
    } else if (in_glob < glob.size() && glob[in_glob] == '?') {
      ++in_glob;
      in_value = next_character(value, in_value);
    } else if (in_glob < glob.size() && glob[in_glob] == value[in_value]) {
      ++in_glob;
      ++in_value;
    } else if (after_star != std::string_view::npos) {
      in_glob = after_star;
      in_value = star_took = next_character(value, star_took);
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', in_glob) == std::string_view::npos;
}

}  // namespace kw::policy
