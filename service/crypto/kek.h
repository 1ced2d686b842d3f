// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "pkcs11/kek.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// The key-encrypting keys, one for each kind of key, in versions. A KEK has no check value of its
// own: nothing can be asked of it but to wrap and to unwrap. So each has a canary, a key that it
// wrapped and that nobody uses; a KEK that brings back the canary is the one it was.

// The kind of KEK that an algorithm's keys are wrapped by; none where keys cannot be wrapped.
std::optional<pkcs11::KekKind> kek_kind_of(const keys::Algorithm& algorithm) noexcept;

// The fixed id of the KEKs of a kind: with the version, their CKA_ID.
const KeyId& kek_id(pkcs11::KekKind kind);

// The canary as a key of residency wrapped, without its version. Its id is the KEK's.
keys::Key canary_of(pkcs11::KekKind kind);

// Makes a version of a KEK in the token and the canary under it, with the KEK's number. What stands
// in the token under that CKA_ID is destroyed before: call it for a number that the catalog does
// not vouch for. Errors: as create_version.
Result<keys::KeyVersion> create_kek(Workbench& bench, pkcs11::KekKind kind, Version version);

}  // namespace kw::crypto
