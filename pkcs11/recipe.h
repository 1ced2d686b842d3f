// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "pkcs11/cryptoki.h"
#include "pkcs11/kek.h"
#include "pkcs11/profile.h"

// What each profile asks a token for, and expects of it afterwards. For this room's sources.
namespace kw::pkcs11 {

// Origin is how a key comes to stand in the token, and so where: all but Generated are session
// objects. An Embryo was generated to be wrapped at once, and can do nothing else.
enum class Origin { Generated, Derived, Embryo, Unwrapped };

enum Use : unsigned {
  kEncrypt = 1,
  kDecrypt = 2,
  kSign = 4,
  kVerify = 8,
  kDerive = 16,
  kWrap = 32,
  kUnwrap = 64
};

// Recipe is what differs from profile to profile; `uses` are those of the secret key.
struct Recipe {
  std::string_view name;
  CK_KEY_TYPE key_type;
  Origin origin;
  CK_ULONG size;               // bytes of a secret key, bits of an RSA modulus
  std::string_view ec_params;  // DER of the curve's OBJECT IDENTIFIER
  Mechanism (*generator)();
  CK_MECHANISM_TYPE allowed;
  unsigned uses;
};

const Recipe& recipe_of(Profile profile) noexcept;
// A KEK's own: a token key that wraps and unwraps.
const Recipe& recipe_of(KekKind kind) noexcept;

// The same key from another origin. An embryo has no use left.
Recipe embryo_of(const Recipe& recipe) noexcept;
Recipe unwrapped_of(const Recipe& recipe) noexcept;

bool is_pair(const Recipe& recipe) noexcept;
CK_OBJECT_CLASS class_of(const Recipe& recipe) noexcept;

// The template of a secret key, or of a pair's private half; the template of the public half.
ObjectTemplate key_template(const Recipe& recipe);
ObjectTemplate public_half_template(const Recipe& recipe);

// Last in every template: SoftHSM 2.6.1 takes attributes one by one, and in C_DeriveKey refuses all
// that follow this one.
void add_seal(ObjectTemplate& object);

// What the templates say, and what they may not ask for and a token says afterwards.
ObjectTemplate expected_key(const Recipe& recipe);
ObjectTemplate expected_public_half(const Recipe& recipe);

// Every attribute of `expected`, against the object's. Errors: Internal, naming the one that
// differs; and the token's own.
Result<void> compare(Session& session, ObjectHandle key, const Recipe& recipe,
                     const ObjectTemplate& expected);

// The one token object of this class and CKA_ID. Errors: Unavailable (none), Internal (several).
Result<ObjectHandle> find_one(Session& session, const Recipe& recipe, CK_OBJECT_CLASS object_class,
                              ByteView id);

}  // namespace kw::pkcs11
