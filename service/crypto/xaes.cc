// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/xaes.h"

#include <algorithm>

namespace kw::crypto::xaes {
namespace {

constexpr std::uint8_t kReduction = 0x87;  // x^128 = x^7 + x^2 + x + 1

// 0x00, the block's number, "X", 0x00: what stands before the nonce's first half.
constexpr std::size_t kNumberAt = 1;
constexpr std::size_t kLetterAt = 2;
constexpr std::size_t kPrefixAt = 4;

}  // namespace

K1 k1_of(const std::array<std::uint8_t, 16>& encrypted_zero) {
  K1 k1{};
  unsigned carry = 0;
  for (std::size_t i = k1.size(); i-- > 0;) {
    const unsigned shifted = (unsigned{encrypted_zero[i]} << 1) | carry;
    k1[i] = static_cast<std::uint8_t>(shifted);
    carry = shifted >> 8;
  }
  if (carry != 0) k1.back() ^= kReduction;
  return k1;
}

DerivationData derivation_data(const K1& k1, const Prefix& prefix) {
  DerivationData data{};
  for (const std::uint8_t number : {std::uint8_t{1}, std::uint8_t{2}}) {
    const auto block = std::span(data).subspan((number - 1u) * kK1Size, kK1Size);
    block[kNumberAt] = number;
    block[kLetterAt] = 'X';
    std::ranges::copy(prefix, block.begin() + kPrefixAt);
    for (std::size_t i = 0; i < kK1Size; ++i) block[i] ^= k1[i];
  }
  return data;
}

void increment(Suffix& counter) noexcept {
  for (std::size_t i = counter.size(); i-- > 0;) {
    if (++counter[i] != 0) return;
  }
}

}  // namespace kw::crypto::xaes
