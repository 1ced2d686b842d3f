// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "pkcs11/session.h"
#include "service/crypto/xaes.h"

namespace kw::crypto {

// AES-GCM in the token with a derived message key. For this room and its tests.
// WARNING: `seal` takes its nonce from the caller, and one nonce used twice under a key gives the
// key of the authentication away. Everybody else calls wrap, which draws it.

// Yields ciphertext and tag.
Result<Bytes> seal(pkcs11::Session& session, pkcs11::ObjectHandle message_key,
                   const xaes::Suffix& nonce, ByteView plaintext, ByteView associated);

// `sealed` is at least as long as the tag.
Result<Secret> unseal(pkcs11::Session& session, pkcs11::ObjectHandle message_key,
                      const xaes::Suffix& nonce, ByteView sealed, ByteView associated);

// Seals a constant and opens it again. Success says that the token, the session and this very key
// work, so that a failure just before was the ciphertext's.
Result<void> prove(pkcs11::Session& session, pkcs11::ObjectHandle message_key);

}  // namespace kw::crypto
