// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace kw::policy {

// Operation is everything that a caller can be allowed to do. Its names are the API's words.
enum class Operation : std::uint8_t {
  Create,
  Read,
  Rotate,
  Disable,
  Enable,
  Destroy,
  Restore,
  Import,
  Wrap,
  Unwrap,
  Rewrap,
  DataKey,
  Sign,
  Verify,
  Mac,
  VerifyMac,
  Random,
  ReadPolicy,
  WritePolicy,
  ReadAudit,
  ReadMetrics,
};

inline constexpr std::size_t kOperationCount = 21;

std::string_view name_of(Operation operation) noexcept;
std::optional<Operation> parse_operation(std::string_view name) noexcept;

// Whether the operation is about one key. The others (random, read-policy, write-policy,
// read-audit, read-metrics) are decided without a key's name.
bool names_a_key(Operation operation) noexcept;

// OperationSet is a set of operations in one machine word.
class OperationSet {
 public:
  constexpr OperationSet() = default;
  constexpr OperationSet(std::initializer_list<Operation> operations) {
    for (const Operation operation : operations) bits_ |= bit(operation);
  }
  static OperationSet naming_a_key() noexcept;

  constexpr bool contains(Operation operation) const noexcept {
    return (bits_ & bit(operation)) != 0;
  }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  constexpr OperationSet operator|(OperationSet other) const noexcept {
    return OperationSet(bits_ | other.bits_);
  }
  constexpr OperationSet operator&(OperationSet other) const noexcept {
    return OperationSet(bits_ & other.bits_);
  }
  constexpr OperationSet operator-(OperationSet other) const noexcept {
    return OperationSet(bits_ & ~other.bits_);
  }
  constexpr bool operator==(const OperationSet&) const = default;

 private:
  constexpr explicit OperationSet(std::uint64_t bits) : bits_(bits) {}
  static constexpr std::uint64_t bit(Operation operation) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(operation);
  }

  std::uint64_t bits_ = 0;
};

// The set that a word of a policy's text means: one operation, or a group: `use` (wrap unwrap
// rewrap data-key sign verify mac verify-mac random), `admin` (create read rotate disable enable
// destroy restore import). Nothing if it is neither.
std::optional<OperationSet> parse_operations(std::string_view word) noexcept;

}  // namespace kw::policy
