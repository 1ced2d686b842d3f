// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace kw {

// KeyName is the one spelling of a key's name: 1 to 8 segments joined by '/', each
// [a-z0-9][a-z0-9._-]{0,62}. Only parse makes one.
class KeyName {
 public:
  static Result<KeyName> parse(std::string_view text);
  static bool is_valid(std::string_view text) noexcept;

  const std::string& text() const noexcept { return text_; }
  auto operator<=>(const KeyName&) const = default;

 private:
  explicit KeyName(std::string_view text) : text_(text) {}
  std::string text_;
};

// KeyId is a key's identity, 16 random bytes, given at creation and never reused.
class KeyId {
 public:
  static constexpr std::size_t kSize = 16;
  static KeyId random();
  static Result<KeyId> decode(ByteView bytes);

  ByteView bytes() const noexcept { return bytes_; }
  std::string text() const { return to_hex(bytes_); }
  auto operator<=>(const KeyId&) const = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// Version counts a key's pieces of material from 1.
enum class Version : std::uint32_t {};
constexpr std::uint32_t to_number(Version version) { return static_cast<std::uint32_t>(version); }

// RequestId names one request in the answer, the log and the audit record: 16 random bytes.
class RequestId {
 public:
  static RequestId random();
  static Result<RequestId> decode(ByteView bytes);

  ByteView bytes() const noexcept { return bytes_; }
  std::string text() const { return to_hex(bytes_); }

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace kw

template <>
struct std::hash<kw::KeyId> {
  std::size_t operator()(const kw::KeyId& id) const noexcept {
    return static_cast<std::size_t>(kw::read_u64(id.bytes()));
  }
};
