// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/bytes.h"

// The second opinion: what OpenSSL says, without the token.
namespace kw::doctor::host {

Bytes random(std::size_t size);

// AES-256 with no padding; whole blocks.
Bytes aes_ecb(ByteView key, ByteView plaintext);
Bytes aes_ecb_decrypt(ByteView key, ByteView ciphertext);
Bytes aes_cbc_decrypt(ByteView key, ByteView iv, ByteView ciphertext);

// RFC 3394 and, with padding, RFC 5649. Unwrapping yields nothing for what was not so wrapped.
enum class Wrapping { Plain, Padded };
Bytes wrap(Wrapping how, ByteView kek, ByteView key);
std::optional<Bytes> unwrap(Wrapping how, ByteView kek, ByteView blob);

enum class Digest { Sha256, Sha512 };
Bytes hmac(Digest digest, ByteView key, ByteView message);

// RSA encryption to a public key given by modulus and exponent, big-endian.
enum class RsaPadding { Pkcs1, OaepSha1, OaepSha256 };
std::optional<Bytes> rsa_encrypt(ByteView modulus, ByteView exponent, RsaPadding padding,
                                 ByteView plaintext);

}  // namespace kw::doctor::host
