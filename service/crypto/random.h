// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/secret.h"
#include "pkcs11/session.h"
#include "service/crypto/counted_nonce.h"
#include "service/crypto/workbench.h"

namespace kw::crypto {

constexpr std::size_t kMaxRandomSize = 4096;

// Fills `out` from the token's generator xor the system's: one that is stuck, or in an enemy's
// hands, takes nothing away from the other. Errors: Unavailable.
Result<void> mix_random(pkcs11::Session& session, std::span<std::uint8_t> out);

// The same for a nonce of at least 12 bytes, whose first are mixed with the time and a count
// besides: should both generators be stuck, no two nonces of this process, and no two processes a
// microsecond apart, share one all the same. Errors: Unavailable.
Result<void> draw_nonce(pkcs11::Session& session, std::span<std::uint8_t> out);

// The fixed field of a block of counted nonces, in the same way. Errors: Unavailable.
Result<FixedField> draw_fixed_field(Workbench& bench);

// 1 to 4,096 bytes of it for a caller. Errors: InvalidArgument, advised; Unavailable.
Result<Secret> random_bytes(Workbench& bench, std::size_t size);

}  // namespace kw::crypto
