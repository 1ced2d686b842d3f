// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "pkcs11/profile.h"
#include "pkcs11/session.h"

// Keys that live outside the token, wrapped by a key that lives in it: a key-encrypting key (KEK).
namespace kw::pkcs11 {

// KekKind is the one kind of key that a KEK wraps and unwraps. Its WRAP_TEMPLATE and
// UNWRAP_TEMPLATE say so to the token, which refuses all others: an AES key cannot come back as an
// HMAC key, nor anything as a key that can be extracted, encrypts, decrypts or wraps.
enum class KekKind { Aes, Hmac, Rsa, Ec };

std::string_view to_text(KekKind kind) noexcept;

// The KEK for keys of a profile. None for the derived ones; for CountedAes, which no template that
// names DERIVE lets through; and for Ed25519: SoftHSM 2.6.1 cannot wrap such a key.
std::optional<KekKind> kek_kind_of(Profile profile) noexcept;

// Generates a KEK and reads back every attribute and both templates before anybody gets it. It may
// WRAP and UNWRAP by AES_KEY_WRAP_PAD (RFC 5649) and nothing else, and is otherwise as a Profile.
// Never retried. Errors: those of generate.
Result<ObjectHandle> generate_kek(Session& session, KekKind kind, ByteView id,
                                  std::string_view label);

// Compares all attributes of a KEK and both its templates. Errors: Internal, and the token's own.
Result<void> verify_kek(Session& session, ObjectHandle kek, KekKind kind, ByteView id);

// Finds the one KEK with this CKA_ID, unverified. Errors: Unavailable (none), Internal (several).
Result<ObjectHandle> find_kek(Session& session, KekKind kind, ByteView id);

// WrappedKey is a key under its KEK, which is all that there is of it.
struct WrappedKey {
  Bytes material;    // RFC 5649 of the value, or of the PKCS#8 PrivateKeyInfo
  Bytes public_key;  // SubjectPublicKeyInfo, DER; empty for a secret key
};

// Generates a key of the profile as a session object that can do nothing but be wrapped, wraps it,
// and destroys it. Errors: those of generate.
Result<WrappedKey> generate_wrapped(Session& session, Profile profile, ObjectHandle kek);

// Brings a wrapped key back as a session object with the profile's one use, not extractable, and
// reads every attribute back. RFC 5649 says nothing of whose key it is: the caller compares that.
// Errors: Internal (an attribute differs), and the token's own: SoftHSM answers CKR_GENERAL_ERROR
// to what was not wrapped by this KEK.
Result<SessionObject> unwrap(Session& session, Profile profile, ObjectHandle kek,
                             ByteView material);

}  // namespace kw::pkcs11
