// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/bytes.h"

// OpenSSL's AES-256-GCM, with nonces of 12 bytes; the tag of 16 stands behind the ciphertext.
// Shares no code with the service.
namespace kw::test::gcm_oracle {

Bytes seal(ByteView key, ByteView nonce, ByteView plaintext, ByteView associated);
std::optional<Bytes> open(ByteView key, ByteView nonce, ByteView sealed, ByteView associated);

}  // namespace kw::test::gcm_oracle
