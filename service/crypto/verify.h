// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/crypto/signature.h"
#include "service/keys/algorithm.h"

namespace kw::crypto {

// Whether `signature` is one by the owner of `public_key` (SubjectPublicKeyInfo, DER), checked with
// OpenSSL and without the token. Accepts s in either half. A signature that is malformed in its
// encoding is not valid, which is no error. Safe from several threads.
// Errors: InvalidArgument, advised (digest of another length, digest for Ed25519, message too long,
// encoding that the algorithm does not have), Internal (no public key of the algorithm's kind).
Result<bool> verify_message(const keys::Algorithm& algorithm, ByteView public_key, ByteView message,
                            ByteView signature, SignatureEncoding encoding);
Result<bool> verify_digest(const keys::Algorithm& algorithm, ByteView public_key, ByteView digest,
                           ByteView signature, SignatureEncoding encoding);

}  // namespace kw::crypto
