// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/escape.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/bytes.h"

namespace kw::audit_verify {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Characters that move the cursor, hide or reorder text (Unicode 15, categories Cc, Cf, Zl, Zp as
// far as terminals act on them).
constexpr std::array<Range, 11> kHidden = {{{0x0000, 0x001f},
                                            {0x007f, 0x009f},
                                            {0x00ad, 0x00ad},
                                            {0x061c, 0x061c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xfeff, 0xfeff},
                                            {0xfff9, 0xfffb},
                                            {0xe0000, 0xe007f}}};

bool is_hidden(char32_t character) {
  return std::any_of(kHidden.begin(), kHidden.end(), [character](const Range& range) {
    return character >= range.first && character <= range.last;
  });
}

Character first_character(std::string_view text) {
  const unsigned char lead = static_cast<unsigned char>(text[0]);
  Character found;
  found.byte = text[0];
  if (lead < 0x80) return {1, true, lead, text[0]};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (size > text.size() || !is_utf8(text.substr(0, size))) return found;
  found = {size, true, static_cast<char32_t>(lead & (0xffu >> (size + 1))), text[0]};
  for (const char c : text.substr(1, size - 1)) {
    found.value = (found.value << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  }
  return found;
}

}  // namespace

std::string escape_text(std::string_view text, std::string_view special,
                        const std::function<std::string(const Character&)>& escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character at = first_character(text);
    if (!at.valid || is_hidden(at.value) || special.find(text[0]) != std::string_view::npos) {
      out += escape(at);
    } else {
      out += text.substr(0, at.size);
    }
    text.remove_prefix(at.size);
  }
  return out;
}

std::string visible(const Character& character) {
  std::array<char, 16> text;
  const bool is_byte = !character.valid || character.value < 0x80;
  const unsigned value =
      is_byte ? static_cast<unsigned char>(character.byte) : static_cast<unsigned>(character.value);
  const int size =
      std::snprintf(text.data(), text.size(), is_byte ? "\\x%02x" : "\\u{%04x}", value);
  return std::string(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

}  // namespace kw::audit_verify
