// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/print.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "service/audit_verify/escape.h"

namespace kw::audit_verify {
namespace {

template <typename... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> buffer;
  const int size = std::snprintf(buffer.data(), buffer.size(), format, values...);
  return std::string(buffer.data(), static_cast<std::size_t>(std::max(size, 0)));
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
  const auto escape = [](const Character& at) {
    if (!at.valid) return '\\' + visible(at);
    if (at.value == '"' || at.value == '\\') return std::string{'\\', at.byte};
    if (at.value < 0x10000) return formatted("\\u%04x", static_cast<unsigned>(at.value));
    const char32_t rest = at.value - 0x10000;
    return formatted("\\u%04x\\u%04x", static_cast<unsigned>(0xd800 + (rest >> 10)),
                     static_cast<unsigned>(0xdc00 + (rest & 0x3ff)));
  };
  return '"' + escape_text(text, "\"\\", escape) + '"';
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
  return escape_text(text, "\"\\", [](const Character& at) {
    const bool is_mark = at.valid && (at.value == '"' || at.value == '\\');
    return is_mark ? std::string{'\\', at.byte} : visible(at);
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
