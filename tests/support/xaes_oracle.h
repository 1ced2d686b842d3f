// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/bytes.h"

// A second opinion on XAES-256-GCM (C2SP): OpenSSL's CMAC as the key derivation and OpenSSL's GCM.
// Shares no code with the service, and knows nothing of tokens.
namespace kw::test::xaes_oracle {

Bytes derive_key(ByteView key, ByteView nonce);  // Kx
Bytes seal(ByteView key, ByteView nonce, ByteView plaintext, ByteView associated);
std::optional<Bytes> open(ByteView key, ByteView nonce, ByteView sealed, ByteView associated);

// One block of AES-256, and the first `size` bytes of SHAKE-128.
Bytes aes_block(ByteView key, ByteView block);
Bytes shake128(ByteView message, std::size_t size);

}  // namespace kw::test::xaes_oracle
