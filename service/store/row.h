// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace kw::store {

// Value is what one column holds: NULL, an integer, a text or a blob.
using Value = std::variant<std::monostate, std::int64_t, std::string, Bytes>;
using Columns = std::vector<Value>;

// The bytes that a row's MAC covers (docs/catalog-format.md).
Bytes encode_row(char table, std::span<const Value> columns);

// A row's key columns as operators read them, with bytes that do not print left out.
std::string describe_row(std::string_view table, std::span<const Value> key);

using RowMac = std::array<std::uint8_t, 32>;

// RowSum adds row MACs as big-endian numbers modulo 2^256.
class RowSum {
 public:
  RowSum() = default;
  explicit RowSum(const RowMac& value) : value_(value) {}

  void add(const RowMac& mac) noexcept;
  void subtract(const RowMac& mac) noexcept;
  const RowMac& value() const noexcept { return value_; }

 private:
  RowMac value_{};
};

}  // namespace kw::store
