// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/secret.h"
#include "service/crypto/envelope.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto::suite3 {

// Suite 3 of docs/envelope-format.md: the message key is an HMAC that the token computes, and
// stands in this process's memory for one message. Errors of all that ask the token: Unavailable,
// Internal.

// What the token is asked to MAC for a nonce's message key. Pure.
Bytes kdf_input(const Nonce& nonce);

// A nonce that is used once.
Result<Nonce> draw(Workbench& bench);

// Ciphertext and tag.
Result<Bytes> seal(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                   const Nonce& nonce, ByteView plaintext, ByteView associated);

// The plaintext; none if a byte was changed. Says nothing of a token that MACs wrongly.
Result<std::optional<Secret>> open(Workbench& bench, const keys::Key& key,
                                   const keys::KeyVersion& version, const Blob& blob,
                                   ByteView associated);

}  // namespace kw::crypto::suite3
