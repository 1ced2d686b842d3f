// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// SignatureEncoding says how an ECDSA signature is written: DER, or r and s side by side in the
// curve's width (IEEE P1363, which JWS takes). Others have one form: only Der and, where the
// algorithm has a JOSE name, Jws are theirs, and both mean that form.
enum class SignatureEncoding { Der, Raw, Jws };

// Signs in the token. RSA-PSS with a salt as long as the hash; ECDSA with s in the lower half.
// Hashes on the host, so a digest is exactly as long as the algorithm's hash.
// Errors: InvalidArgument, advised (digest of another length, digest for Ed25519, encoding that the
// algorithm does not have), Unavailable, Internal (what the token gave back is no signature).
Result<Bytes> sign_message(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                           ByteView message, SignatureEncoding encoding);
Result<Bytes> sign_digest(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                          ByteView digest, SignatureEncoding encoding);

// Whether `signature` is one by the version's public half, checked with OpenSSL and without the
// token: the private half need not exist any more. Accepts s in either half. A signature that is
// malformed in the encoding is not valid, which is no error. Safe from several threads.
// Errors: InvalidArgument, as above; Internal (the catalog's public half cannot be read).
Result<bool> verify_message(const keys::Algorithm& algorithm, ByteView public_key, ByteView message,
                            ByteView signature, SignatureEncoding encoding);
Result<bool> verify_digest(const keys::Algorithm& algorithm, ByteView public_key, ByteView digest,
                           ByteView signature, SignatureEncoding encoding);

}  // namespace kw::crypto
