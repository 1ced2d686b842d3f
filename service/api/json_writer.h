// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"

namespace kw::api {

// JsonWriter writes one JSON value from front to back. Its memory is wiped at its end, and it holds
// what was announced as capacity without moving, so an answer's plaintext has one copy. Invalid
// UTF-8 cannot come out: text from outside passed a check on its way in.
class JsonWriter {
 public:
  explicit JsonWriter(std::size_t capacity = 512) { text_.reserve(capacity); }
  ~JsonWriter() { wipe(text_); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& name(std::string_view name);

  JsonWriter& string(std::string_view text);
  JsonWriter& integer(std::uint64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& base64(ByteView bytes, Base64Alphabet alphabet = Base64Alphabet::Standard);
  JsonWriter& raw(std::string_view json);  // values with commas between, already JSON

  // The finished text.
  Secret finish() const { return Secret::copy_of(as_bytes(text_)); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string text_;
  bool first_ = true;
};

}  // namespace kw::api
