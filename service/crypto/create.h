// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// VersionMaterial is what the catalog keeps of a version that the token has made.
struct VersionMaterial {
  Bytes public_key;  // SubjectPublicKeyInfo, DER; empty for AES and HMAC
  Bytes check;       // suite 1: the CMAC subkey K1; suite 2: a known tag; HMAC: a known MAC
  Bytes wrapped{};   // residency wrapped: the material under version `kek` of its KEK
  Version kek{};
};

// Makes one version of `key` in the token, under its profile, or takes an unused one that an
// operator left there where the token makes none of its kind (pkcs11::adopt); reads every attribute
// back, and uses it once with an answer that is checked. After an error nothing of it is left
// there, unless the token was lost meanwhile: then the sweep at start finds it by its CKA_ID.
// Errors: Unimplemented, advised (this token cannot do the algorithm), Unavailable, Internal.
Result<VersionMaterial> create_version(Workbench& bench, const keys::Key& key, Version version);

// Whether create_version would succeed, for who makes no key: what is made is destroyed again, and
// what an operator left is used where it lies and stays as it is. Errors: as create_version.
Result<void> try_out(Workbench& bench, const keys::Key& key, Version version);

// The same as create_version for residency wrapped: the key is made in the token as a session
// object that can only be wrapped, wrapped by this version of its KEK, destroyed, unwrapped, and
// used once. No object of the token is left. Errors also: Internal (an algorithm without a KEK).
Result<VersionMaterial> create_wrapped_version(Workbench& bench, const keys::Key& key,
                                               Version version, Version kek);

// The check value of a secret key that the token already holds: compared with its profile and used
// once, as create_version does. Errors: Unavailable (not there, without a CK_RV; or the token is
// away), Internal (not what its profile says).
Result<Bytes> check_value(Workbench& bench, const keys::Key& key, Version version);

// Looks for a version afresh and compares its attributes with its profile, without using it: what
// costs the token least. Errors: Unavailable (not there, without a CK_RV; or the token is away),
// Internal (not what its profile says).
Result<void> check_presence(Workbench& bench, const keys::Key& key, Version version);

// The public half of a pair that the token already holds, whole: both halves compared with their
// profile, and used once together. Errors: those of check_value.
Result<Bytes> whole_public_half(Workbench& bench, const keys::Key& key, Version version);

// Removes every object with this CKA_ID; none is fine. Yields how many there were.
Result<std::size_t> destroy_version(Workbench& bench, const KeyId& key, Version version);

// Compares a version with the catalog: its attributes with the profile, its public half or check
// value with what was kept. Asks the token afresh, not the keyring; of a wrapped version compares
// the KEK and both its templates, too, and unwraps it.
// Errors: Unavailable (not there, or the token is away), Internal (it differs: quarantine it).
Result<void> verify_version(Workbench& bench, const keys::Key& key,
                            const keys::KeyVersion& version);

}  // namespace kw::crypto
