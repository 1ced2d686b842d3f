// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace kw::audit_verify {

// Character is what stands at the front of a text: one of well-formed UTF-8, or one byte that
// begins none.
struct Character {
  std::size_t size = 1;
  bool valid = false;
  char32_t value = 0;
  char byte = 0;  // the first
};

// Copies a text. What may not be shown as it is (malformed bytes, control characters, those that
// hide or reorder text, and each of the ASCII characters in `special`) goes through `escape`.
std::string escape_text(std::string_view text, std::string_view special,
                        const std::function<std::string(const Character&)>& escape);

// The spelling of a text line: \xNN for a byte or an ASCII character, \u{NNNN} for another.
std::string visible(const Character& character);

}  // namespace kw::audit_verify
