// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/keys/algorithm.h"

namespace kw::crypto {

// SignatureEncoding says how an ECDSA signature is written: DER, or r and s side by side in the
// curve's width (IEEE P1363, which JWS takes). Others have one form: only Der and, where the
// algorithm has a JOSE name, Jws are theirs, and both mean that form.
enum class SignatureEncoding { Der, Raw, Jws };

// The longest message that is hashed or signed here.
constexpr std::size_t kMaxMessageSize = 1u << 20;

// Errors: InvalidArgument, advised (an encoding that the algorithm does not have).
Result<void> check_encoding(const keys::Algorithm& algorithm, SignatureEncoding encoding);

// Errors: InvalidArgument, advised (not exactly the hash's length, or no digest may be signed).
Result<void> check_digest(const keys::Algorithm& algorithm, ByteView digest);

// Errors: InvalidArgument, advised (too long).
Result<void> check_message(ByteView message);

// The message's digest. The hash is not None.
Bytes digest_of(keys::Hash hash, ByteView message);

// The width of r and of s for a curve of so many bits.
constexpr std::size_t ecdsa_width(unsigned bits) { return (bits + 7) / 8; }

// r and s side by side, with s brought into the lower half: (r, n - s) is as good a signature as
// (r, s), and only one of the two shall leave. Errors: Internal (not 0 < r, s < n in two widths).
Result<Bytes> with_low_s(unsigned bits, ByteView raw);

// The DER form (RFC 3279, section 2.2.3) of r and s side by side.
Bytes to_der(ByteView raw);

}  // namespace kw::crypto
