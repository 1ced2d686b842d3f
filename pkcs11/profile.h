// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/names.h"
#include "pkcs11/session.h"

namespace kw::pkcs11 {

// Profile is one kind of key with every security attribute it must have. All are PRIVATE,
// SENSITIVE, not EXTRACTABLE, not MODIFIABLE, not COPYABLE, and may do one thing with one
// mechanism.
enum class Profile {
  MasterAes,    // token, AES-256: DERIVE by AES_ECB_ENCRYPT_DATA
  CountedAes,   // token, AES-256: ENCRYPT and DECRYPT by AES_GCM
  MacSha256,    // token, 32 bytes: SIGN and VERIFY by SHA256_HMAC
  MacSha512,    // token, 64 bytes: SIGN and VERIFY by SHA512_HMAC
  Rsa2048Pkcs,  // token pairs: the private half SIGNs, the public half VERIFYs
  Rsa3072Pkcs,
  Rsa4096Pkcs,
  Rsa2048Pss,
  Rsa3072Pss,
  Rsa4096Pss,
  EcdsaP256,
  EcdsaP384,
  EcdsaP521,
  Ed25519,
  MessageKey,     // session, derived, AES-256: ENCRYPT and DECRYPT by AES_GCM
  ContextMacKey,  // session, derived, 32 bytes: SIGN by SHA256_HMAC
};

std::string_view to_text(Profile profile) noexcept;
bool is_key_pair(Profile profile) noexcept;

// The CKA_ID and CKA_LABEL of a key version: id and big-endian version; NAME#VERSION.
Bytes object_id(const KeyId& id, Version version);
std::string object_label(const KeyName& name, Version version);

// GeneratedKey holds a secret key, or the private and the public half of a pair.
struct GeneratedKey {
  ObjectHandle key;
  std::optional<ObjectHandle> public_half;
};

// Generates a token key and reads back every attribute before anybody gets it. On a mismatch what
// was made is destroyed. Not for the derived profiles. Never retried: after a failure look for `id`
// first. Errors: Unimplemented (the token cannot make such a key), Internal (an attribute differs
// from the profile), and the token's own.
Result<GeneratedKey> generate(Session& session, Profile profile, ByteView id,
                              std::string_view label);

// The CKA_LABEL by which an operator gives an HMAC key to this service, made with the token's own
// tool where the token's PKCS#11 library makes none.
inline constexpr std::string_view kUnusedLabel = "keyward-unused";

// A key with that label that is all its profile says. For the MAC profiles, where generate is
// Unimplemented.
// Errors: Unimplemented, advised (there is none: what the operator can do), and the token's own.
Result<ObjectHandle> find_unused(Session& session, Profile profile);

// Takes such a key, and gives it `id` and `label` in one step. Errors: as find_unused.
Result<ObjectHandle> adopt(Session& session, Profile profile, ByteView id, std::string_view label);

// Derives a session key (MessageKey or ContextMacKey) from a MasterAes key: the AES-ECB encryption
// of 32 bytes under it. `data` must never be a caller's choice. Errors: as generate.
Result<SessionObject> derive(Session& session, Profile profile, ObjectHandle master,
                             std::span<const std::uint8_t, 32> data);

// The AES encryption of the zero block under a MasterAes key: the value L of CMAC, and the key's
// check value. The only bytes that ever come out of a master key.
using CheckBlock = std::array<std::uint8_t, 16>;
Result<CheckBlock> derive_check_block(Session& session, ObjectHandle master);

// Compares all attributes of a key (of the private half, in a pair) with its profile and CKA_ID.
// Errors: Internal, naming the attribute that differs; and the token's own.
Result<void> verify(Session& session, ObjectHandle key, Profile profile, ByteView id);
Result<void> verify_public_half(Session& session, ObjectHandle key, Profile profile, ByteView id);

// Finds the one token object with this CKA_ID and the profile's class: the secret key or private
// half, or the public half. Errors: Unavailable (none: to a service whose catalog knows the key
// that is an outage, never NotFound), Internal (several).
Result<ObjectHandle> find_key(Session& session, Profile profile, ByteView id);
Result<ObjectHandle> find_public_half(Session& session, Profile profile, ByteView id);

// The public half of a pair as SubjectPublicKeyInfo (RFC 5280; 8017, 5480, 8410), DER. A point that
// is not on its curve and a modulus of another size are refused.
// Errors: Internal (not a key of this profile), and the token's own.
Result<Bytes> public_key(Session& session, ObjectHandle public_half, Profile profile);

// Destroys every token object with this CKA_ID, both halves of a pair; yields how many there were.
Result<std::size_t> destroy_all(Session& session, ByteView id);

}  // namespace kw::pkcs11
