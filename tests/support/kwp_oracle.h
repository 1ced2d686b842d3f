// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

// OpenSSL's id-aes256-wrap-pad (RFC 5649) and what it makes of the keys inside.
namespace kw::test::kwp_oracle {

// Empty where the integrity check fails.
Bytes unwrap(ByteView kek, ByteView wrapped);
Bytes wrap(ByteView kek, ByteView key);

// The AES-256 encryption of the zero block; HMAC over a text.
Bytes encrypted_zero(ByteView key);
Bytes hmac(const char* hash, ByteView key, ByteView text);

// The SubjectPublicKeyInfo of a PKCS#8 private key, zeros behind it allowed; empty if it is none.
Bytes public_key_of(ByteView pkcs8);

}  // namespace kw::test::kwp_oracle
