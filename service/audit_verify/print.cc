// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/print.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

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

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> buffer;
  const int size = std::snprintf(buffer.data(), buffer.size(), format, values...);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max(size, 0)));
}

// One character at the front of a text: its length, and its value if it is well-formed UTF-8.
struct Character {
  std::size_t size = 1;
  bool valid = false;
  char32_t value = 0;
};

Character first_character(std::string_view text) {
  const unsigned char lead = static_cast<unsigned char>(text[0]);
  Character found;
  if (lead < 0x80) return {1, true, lead};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (size > text.size() || !is_utf8(text.substr(0, size))) return found;
  found = {size, true, static_cast<char32_t>(lead & (0xffu >> (size + 1)))};
  for (const char c : text.substr(1, size - 1)) {
    found.value = (found.value << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  }
  return found;
}

// Copies a text; what may not be shown as it is goes through `escape`, with its first byte.
template <typename Escape>
std::string escaped(std::string_view text, std::string_view special, Escape escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character at = first_character(text);
    if (!at.valid || is_hidden(at.value) || special.find(text[0]) != std::string_view::npos) {
      out += escape(at, text[0]);
    } else {
      out += text.substr(0, at.size);
    }
    text.remove_prefix(at.size);
  }
  return out;
}

std::string terminal_value(const Field& field) {
  if (field.form == FieldForm::Text) {
    return '"' + escape_for_terminal(as_text(field.bytes)) + '"';
  }
  if (field.form == FieldForm::Word && field.word.find(' ') != std::string_view::npos) {
    return '"' + std::string(field.word) + '"';
  }
  return value_of(field);
}

}  // namespace

std::string json_string(std::string_view text) {
  return '"' +
         escaped(text, "\"\\",
                 [](const Character& at, char byte) {
                   if (!at.valid) return formatted("\\\\x%02x", static_cast<unsigned char>(byte));
                   if (at.value == '"' || at.value == '\\') return std::string{'\\', byte};
                   if (at.value < 0x10000)
                     return formatted("\\u%04x", static_cast<unsigned>(at.value));
                   const char32_t rest = at.value - 0x10000;
                   return formatted("\\u%04x\\u%04x", static_cast<unsigned>(0xd800 + (rest >> 10)),
                                    static_cast<unsigned>(0xdc00 + (rest & 0x3ff)));
                 }) +
         '"';
}

std::string utc(std::uint64_t microseconds) {
  constexpr std::uint64_t kSecond = 1'000'000;
  constexpr std::uint64_t kYear9999 = 253'402'300'799;
  const std::uint64_t seconds = microseconds / kSecond;
  if (seconds > kYear9999) return std::to_string(microseconds) + "us";
  const time_t time = static_cast<time_t>(seconds);
  struct tm parts {};
  ::gmtime_r(&time, &parts);
  return formatted("%04d-%02d-%02dT%02d:%02d:%02d.%06uZ", parts.tm_year + 1900, parts.tm_mon + 1,
                   parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                   static_cast<unsigned>(microseconds % kSecond));
}

std::string value_of(const Field& field) {
  switch (field.form) {
    case FieldForm::Number:
      return std::to_string(field.number);
    case FieldForm::Word:
      return std::string(field.word);
    case FieldForm::Text:
      return std::string(as_text(field.bytes));
    case FieldForm::Hex:
      return to_hex(field.bytes);
    case FieldForm::Time:
      return utc(field.number);
  }
  return {};
}

std::string escape_for_terminal(std::string_view text) {
  return escaped(text, "\"\\", [](const Character& at, char byte) {
    if (!at.valid) return formatted("\\x%02x", static_cast<unsigned char>(byte));
    if (at.value == '"' || at.value == '\\') return std::string{'\\', byte};
    if (at.value < 0x80) return formatted("\\x%02x", static_cast<unsigned>(at.value));
    return formatted("\\u{%04x}", static_cast<unsigned>(at.value));
  });
}

std::string to_text(const DecodedRecord& record) {
  const Field* time = record.find("time");
  std::string line = std::to_string(record.index);
  if (time != nullptr) line += ' ' + utc(time->number);
  line += ' ' + std::string(record.kind);
  for (const Field& field : record.fields) {
    if (&field == time) continue;
    line += ' ' + std::string(field.name) + '=' + terminal_value(field);
  }
  return line;
}

std::string to_json(const DecodedRecord& record) {
  std::string line = "{\"index\":" + std::to_string(record.index);
  line += ",\"leaf\":\"" + to_hex(record.leaf) + '"';
  line += ",\"previous_leaf\":\"" + to_hex(record.previous_leaf) + '"';
  line += ",\"kind\":" + json_string(record.kind);
  for (const Field& field : record.fields) {
    const std::string value = value_of(field);
    line += ",\"" + std::string(field.name) + "\":";
    line += field.form == FieldForm::Number ? value : json_string(value);
  }
  return line + '}';
}

}  // namespace kw::audit_verify
