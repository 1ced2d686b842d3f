// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/crypto/signature.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// Signs in the token. RSA-PSS with a salt as long as the hash; ECDSA with s in the lower half.
// Hashes on the host, so a digest is exactly as long as the algorithm's hash.
// Errors: InvalidArgument, advised (digest of another length, digest for Ed25519, message too long,
// encoding that the algorithm does not have), Unavailable, Internal (what the token gave back is no
// signature).
Result<Bytes> sign_message(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                           ByteView message, SignatureEncoding encoding);
Result<Bytes> sign_digest(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                          ByteView digest, SignatureEncoding encoding);

// sign_digest without a keyring and a permit, for a digest of the algorithm's length.
Result<Bytes> sign_digest_with(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                               const keys::Algorithm& algorithm, ByteView digest,
                               SignatureEncoding encoding);

}  // namespace kw::crypto
