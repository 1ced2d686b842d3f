// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace kw::crypto::xaes {

// The host's half of XAES-256-GCM (C2SP): what the token is asked to derive a message key from.
// Pure. The key itself is in the token; K1 is no secret here (docs/envelope-format.md).

constexpr std::size_t kPrefixSize = 12;
constexpr std::size_t kSuffixSize = 12;
constexpr std::size_t kK1Size = 16;

using Prefix = std::array<std::uint8_t, kPrefixSize>;
using Suffix = std::array<std::uint8_t, kSuffixSize>;
using K1 = std::array<std::uint8_t, kK1Size>;
using DerivationData = std::array<std::uint8_t, 32>;

// The CMAC subkey K1 from the block E_K(0) (NIST SP 800-38B, section 6.1).
K1 k1_of(const std::array<std::uint8_t, 16>& encrypted_zero);

// (M1 xor K1), (M2 xor K1) for a nonce's first half.
DerivationData derivation_data(const K1& k1, const Prefix& prefix);

// Adds one to a big-endian counter, wrapping around.
void increment(Suffix& counter) noexcept;

}  // namespace kw::crypto::xaes
