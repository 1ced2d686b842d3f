// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/secret.h"
#include "service/crypto/envelope.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto::suite2 {

// Suite 2 of docs/envelope-format.md: AES-256-GCM in the token under the key itself, with nonces
// that are counted. Errors of all: Unavailable (the token), Internal.

// A blob of this version under the next nonce. Errors also: those of CountedNonces::draw; Internal
// (a bench at which nobody counts).
Result<Blob> seal(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView plaintext, ByteView associated);

// The plaintext. A changed byte is an error of the token's, which a sick token has as well.
Result<Secret> open(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                    const Blob& blob, ByteView associated);

// The tag of the empty message number 0 under the all-zero nonce: the version's check value. It is
// the same message each time, which reveals nothing; it is opened again, so that both ways are
// known to work.
Result<Bytes> known_tag(pkcs11::Session& session, pkcs11::ObjectHandle handle);

// The same, found by the keyring.
Result<Bytes> known_tag(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version);

}  // namespace kw::crypto::suite2
