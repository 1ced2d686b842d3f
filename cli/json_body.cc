// SPDX-License-Identifier: Apache-2.0
#include "cli/json_body.h"

#include <algorithm>

namespace kw::cli {

// A string that grows by itself would leave its old memory behind unwiped.
void JsonBody::make_room(std::size_t more) {
  if (text_.capacity() - text_.size() >= more) return;
  std::string larger;
  larger.reserve((text_.size() + more) * 2);
  larger += text_;
  wipe(std::span<char>(text_));
  text_ = std::move(larger);
}

void JsonBody::quote(std::string_view value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  make_room(value.size() * 6 + 2);
  text_ += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (byte < 0x20) {
      text_ += "\\u00";
      text_ += kDigits[byte >> 4];
      text_ += kDigits[byte & 15];
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

void JsonBody::name(std::string_view name) {
  make_room(1);
  if (text_.back() != '{') text_ += ',';
  quote(name);
  make_room(1);
  text_ += ':';
}

JsonBody& JsonBody::text(std::string_view field, std::string_view value) {
  name(field);
  quote(value);
  return *this;
}

JsonBody& JsonBody::number(std::string_view field, std::uint64_t value) {
  name(field);
  make_room(20);
  text_ += std::to_string(value);
  return *this;
}

JsonBody& JsonBody::truth(std::string_view field, bool value) {
  name(field);
  make_room(5);
  text_ += value ? "true" : "false";
  return *this;
}

JsonBody& JsonBody::base64(std::string_view field, ByteView value) {
  name(field);
  const std::size_t length = base64_length(value.size(), Base64Alphabet::Standard);
  make_room(length + 2);
  text_ += '"';
  const std::size_t start = text_.size();
  text_.resize(start + length);
  encode_base64_into(value, Base64Alphabet::Standard, std::span<char>(text_).subspan(start));
  text_ += '"';
  return *this;
}

JsonBody& JsonBody::texts(std::string_view field, const std::vector<std::string>& values) {
  name(field);
  make_room(1);
  text_ += '[';
  for (const std::string& value : values) {
    make_room(1);
    if (text_.back() != '[') text_ += ',';
    quote(value);
  }
  make_room(1);
  text_ += ']';
  return *this;
}

JsonBody& JsonBody::object(std::string_view field, const JsonBody& value) {
  name(field);
  make_room(value.text_.size() + 1);
  text_ += value.text_;
  text_ += '}';
  return *this;
}

JsonBody& JsonBody::pairs(std::string_view field, const std::vector<Context::Pair>& value) {
  name(field);
  make_room(1);
  text_ += '{';
  for (const auto& [key, text] : value) this->text(key, text);
  make_room(1);
  text_ += '}';
  return *this;
}

Secret JsonBody::finish() const {
  Secret body(text_.size() + 1);
  const auto out = body.reveal_for_writing();
  std::copy(text_.begin(), text_.end(), out.begin());
  out.back() = '}';
  return body;
}

}  // namespace kw::cli
