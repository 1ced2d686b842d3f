// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/bytes.h"

// A second opinion on suite 3 of docs/envelope-format.md: OpenSSL's KBKDF (SP 800-108) as the key
// derivation and OpenSSL's GCM. Shares no code with the service, and knows nothing of tokens.
namespace kw::test::suite3_oracle {

Bytes derive_key(ByteView key, ByteView nonce);  // Km
Bytes seal(ByteView message_key, ByteView nonce, ByteView plaintext, ByteView associated);
std::optional<Bytes> open(ByteView message_key, ByteView nonce, ByteView sealed,
                          ByteView associated);

}  // namespace kw::test::suite3_oracle
