// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/secret.h"
#include "service/crypto/xaes.h"

namespace kw::crypto {

// AES-256-GCM in this process's memory, for suite 3 alone. Nothing of the key is left when a call
// returns. WARNING: as with `seal`, a nonce used twice gives the authentication away.

// Ciphertext and tag. The key has 32 bytes.
Bytes seal_on_host(const Secret& key, const xaes::Suffix& nonce, ByteView plaintext,
                   ByteView associated);

// The plaintext; none if a byte was changed. `sealed` is at least as long as the tag.
std::optional<Secret> open_on_host(const Secret& key, const xaes::Suffix& nonce, ByteView sealed,
                                   ByteView associated);

}  // namespace kw::crypto
