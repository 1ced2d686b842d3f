// SPDX-License-Identifier: Apache-2.0
#include "service/store/row.h"

#include <algorithm>

namespace kw::store {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kDomain = "keyward/catalog/v1\0"sv;
constexpr std::size_t kDescribedCharacters = 64;

void append_sized(Bytes& out, char type, ByteView content) {
  out.push_back(static_cast<std::uint8_t>(type));
  append_u32(out, static_cast<std::uint32_t>(content.size()));
  append(out, content);
}

struct Encoder {
  Bytes& out;

  void operator()(std::monostate) const { out.push_back('n'); }
  void operator()(std::int64_t number) const {
    out.push_back('i');
    append_u64(out, static_cast<std::uint64_t>(number));
  }
  void operator()(const std::string& text) const { append_sized(out, 't', as_bytes(text)); }
  void operator()(const Bytes& blob) const { append_sized(out, 'b', blob); }
};

struct Describer {
  std::string operator()(std::monostate) const { return "NULL"; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(const Bytes& blob) const {
    return to_hex(ByteView(blob).first(std::min(blob.size(), kDescribedCharacters / 2)));
  }
  std::string operator()(const std::string& text) const {
    std::string shown = text.substr(0, kDescribedCharacters);
    std::replace_if(
        shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return shown;
  }
};

}  // namespace

Bytes encode_row(char table, std::span<const Value> columns) {
  Bytes out = to_bytes(as_bytes(kDomain));
  out.push_back(static_cast<std::uint8_t>(table));
  for (const Value& column : columns) std::visit(Encoder{out}, column);
  return out;
}

std::string describe_row(std::string_view table, std::span<const Value> key) {
  std::string out(table);
  for (const Value& column : key) out += " " + std::visit(Describer{}, column);
  return out;
}

void RowSum::add(const RowMac& mac) noexcept {
  unsigned carry = 0;
  for (std::size_t i = mac.size(); i-- > 0;) {
    carry += unsigned{value_[i]} + mac[i];
    value_[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

void RowSum::subtract(const RowMac& mac) noexcept {
  unsigned borrow = 0;
  for (std::size_t i = mac.size(); i-- > 0;) {
    const unsigned difference = 0x100u + value_[i] - mac[i] - borrow;
    value_[i] = static_cast<std::uint8_t>(difference);
    borrow = difference < 0x100u ? 1 : 0;
  }
}

}  // namespace kw::store
