// SPDX-License-Identifier: Apache-2.0
#include "base/names.h"

#include <algorithm>

namespace kw {
namespace {

constexpr std::size_t kMaxSegments = 8;
constexpr std::size_t kMaxSegmentLength = 63;

bool is_lower_or_digit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_segment(std::string_view segment) noexcept {
  return !segment.empty() && segment.size() <= kMaxSegmentLength &&
         is_lower_or_digit(segment.front()) &&
         std::all_of(segment.begin(), segment.end(), [](char c) {
           return is_lower_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

bool KeyName::is_valid(std::string_view text) noexcept {
  for (std::size_t count = 1; count <= kMaxSegments; ++count) {
    const std::size_t slash = text.find('/');
    if (!is_segment(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
  return false;
}

Result<KeyName> KeyName::parse(std::string_view text) {
  if (is_valid(text)) return KeyName(text);
  return refusal(Code::InvalidArgument,
                 "key name: 1 to 8 segments joined by '/', each [a-z0-9][a-z0-9._-]{0,62}");
}

KeyId KeyId::random() {
  KeyId id;
  fill_random(id.bytes_);
  return id;
}

Result<KeyId> KeyId::decode(ByteView bytes) {
  if (bytes.size() != kSize) return Error(Code::InvalidArgument, "a key id has 16 bytes");
  KeyId id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

Result<RequestId> RequestId::decode(ByteView bytes) {
  RequestId id;
  if (bytes.size() != id.bytes_.size()) {
    return Error(Code::InvalidArgument, "request id: not 16 bytes");
  }
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

RequestId RequestId::random() {
  RequestId id;
  fill_random(id.bytes_);
  return id;
}

}  // namespace kw
