// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

// OpenSSL's answer to what the token was asked.
namespace kw::test {

Bytes openssl_hmac(const char* hash, ByteView key, ByteView data);

// AES-256-GCM: ciphertext, then the 16-byte tag.
Bytes openssl_gcm(ByteView key, ByteView iv, ByteView aad, ByteView plaintext);

Bytes openssl_digest(const char* hash, ByteView data);

// Whether a signature over a message is good. `spki` is the public key; `hash` is null for Ed25519;
// ECDSA signatures come raw, r and s.
enum class Padding { None, Pkcs1, Pss };
bool openssl_verify(ByteView spki, const char* hash, Padding padding, ByteView message,
                    ByteView signature);

}  // namespace kw::test
