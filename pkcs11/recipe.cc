// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/recipe.h"

#include <algorithm>

namespace kw::pkcs11 {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto kP256 = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;
constexpr auto kP384 = "\x06\x05\x2b\x81\x04\x00\x22"sv;
constexpr auto kP521 = "\x06\x05\x2b\x81\x04\x00\x23"sv;
constexpr auto kEd25519 = "\x06\x03\x2b\x65\x70"sv;
constexpr auto kEd25519Name =
    "\x13\x0c"
    "edwards25519"sv;
constexpr auto kNoCurve = ""sv;

// RSA_F4 (65537), big-endian as CKA_PUBLIC_EXPONENT is.
constexpr std::array<std::uint8_t, 3> kPublicExponent{1, 0, 1};

constexpr Mechanism (*kAesGen)() = &Mechanism::aes_key_gen;
constexpr Mechanism (*kSecretGen)() = &Mechanism::generic_secret_key_gen;
constexpr Mechanism (*kRsaGen)() = &Mechanism::rsa_pkcs_key_pair_gen;
constexpr Mechanism (*kEcGen)() = &Mechanism::ec_key_pair_gen;
constexpr Mechanism (*kEdwardsGen)() = &Mechanism::ec_edwards_key_pair_gen;

// clang-format off
constexpr Recipe kRecipes[] = {
    {"master-aes", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_ECB_ENCRYPT_DATA, kDerive},
    {"counted-aes", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_GCM, kEncrypt | kDecrypt},
    {"mac-sha256", CKK_GENERIC_SECRET, Origin::Generated, 32, kNoCurve, kSecretGen, CKM_SHA256_HMAC, kSign | kVerify},
    {"mac-sha512", CKK_GENERIC_SECRET, Origin::Generated, 64, kNoCurve, kSecretGen, CKM_SHA512_HMAC, kSign | kVerify},
    {"rsa-2048-pkcs", CKK_RSA, Origin::Generated, 2048, kNoCurve, kRsaGen, CKM_RSA_PKCS, kSign},
    {"rsa-3072-pkcs", CKK_RSA, Origin::Generated, 3072, kNoCurve, kRsaGen, CKM_RSA_PKCS, kSign},
    {"rsa-4096-pkcs", CKK_RSA, Origin::Generated, 4096, kNoCurve, kRsaGen, CKM_RSA_PKCS, kSign},
    {"rsa-2048-pss", CKK_RSA, Origin::Generated, 2048, kNoCurve, kRsaGen, CKM_RSA_PKCS_PSS, kSign},
    {"rsa-3072-pss", CKK_RSA, Origin::Generated, 3072, kNoCurve, kRsaGen, CKM_RSA_PKCS_PSS, kSign},
    {"rsa-4096-pss", CKK_RSA, Origin::Generated, 4096, kNoCurve, kRsaGen, CKM_RSA_PKCS_PSS, kSign},
    {"ecdsa-p256", CKK_EC, Origin::Generated, 0, kP256, kEcGen, CKM_ECDSA, kSign},
    {"ecdsa-p384", CKK_EC, Origin::Generated, 0, kP384, kEcGen, CKM_ECDSA, kSign},
    {"ecdsa-p521", CKK_EC, Origin::Generated, 0, kP521, kEcGen, CKM_ECDSA, kSign},
    {"ed25519", CKK_EC_EDWARDS, Origin::Generated, 0, kEd25519, kEdwardsGen, CKM_EDDSA, kSign},
    {"message-key", CKK_AES, Origin::Derived, 32, kNoCurve, nullptr, CKM_AES_GCM, kEncrypt | kDecrypt},
    {"context-mac-key", CKK_GENERIC_SECRET, Origin::Derived, 32, kNoCurve, nullptr, CKM_SHA256_HMAC, kSign},
};
constexpr Recipe kKekRecipes[] = {
    {"kek-aes", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_KEY_WRAP_PAD, kWrap | kUnwrap},
    {"kek-hmac", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_KEY_WRAP_PAD, kWrap | kUnwrap},
    {"kek-rsa", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_KEY_WRAP_PAD, kWrap | kUnwrap},
    {"kek-ec", CKK_AES, Origin::Generated, 32, kNoCurve, kAesGen, CKM_AES_KEY_WRAP_PAD, kWrap | kUnwrap},
};
// clang-format on
static_assert(std::size(kRecipes) == static_cast<std::size_t>(Profile::ContextMacKey) + 1);
static_assert(std::size(kKekRecipes) == static_cast<std::size_t>(KekKind::Ec) + 1);

// What every object of ours is, of whatever class.
void add_common(ObjectTemplate& object, const Recipe& recipe, CK_OBJECT_CLASS object_class) {
  const MechanismType allowed{recipe.allowed};
  object.number(CKA_CLASS, object_class)
      .number(CKA_KEY_TYPE, recipe.key_type)
      .flag(CKA_TOKEN, recipe.origin == Origin::Generated)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_COPYABLE, false)
      .mechanisms(CKA_ALLOWED_MECHANISMS, {&allowed, 1});
}

// WRAP_WITH_TRUSTED would ask for a KEK that the security officer marked; ours are bound by their
// templates instead.
void add_secrecy(ObjectTemplate& object, const Recipe& recipe) {
  const bool is_embryo = recipe.origin == Origin::Embryo;
  object.flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, is_embryo)
      .flag(CKA_WRAP_WITH_TRUSTED, !is_embryo);
}

ObjectTemplate secret_key(const Recipe& recipe) {
  ObjectTemplate key;
  add_common(key, recipe, CKO_SECRET_KEY);
  add_secrecy(key, recipe);
  // Of an unwrapped key SoftHSM 2.6.1 takes no length, and says 0.
  if (recipe.origin != Origin::Unwrapped) key.number(CKA_VALUE_LEN, recipe.size);
  key.flag(CKA_ENCRYPT, (recipe.uses & kEncrypt) != 0)
      .flag(CKA_DECRYPT, (recipe.uses & kDecrypt) != 0)
      .flag(CKA_SIGN, (recipe.uses & kSign) != 0)
      .flag(CKA_VERIFY, (recipe.uses & kVerify) != 0)
      .flag(CKA_DERIVE, (recipe.uses & kDerive) != 0)
      .flag(CKA_WRAP, (recipe.uses & kWrap) != 0)
      .flag(CKA_UNWRAP, (recipe.uses & kUnwrap) != 0);
  add_seal(key);
  return key;
}

ObjectTemplate private_key(const Recipe& recipe) {
  ObjectTemplate key;
  add_common(key, recipe, CKO_PRIVATE_KEY);
  add_secrecy(key, recipe);
  key.flag(CKA_SIGN, (recipe.uses & kSign) != 0)
      .flag(CKA_SIGN_RECOVER, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_UNWRAP, false)
      .flag(CKA_DERIVE, false)
      .flag(CKA_ALWAYS_AUTHENTICATE, false);
  add_seal(key);
  return key;
}

// PKCS#11 3.0 knows two spellings of Ed25519's CKA_EC_PARAMS: SoftHSM takes the one and shows the
// other.
bool means(AttributeType type, ByteView wanted, ByteView found) noexcept {
  return std::ranges::equal(wanted, found) ||
         (type == CKA_EC_PARAMS && as_text(wanted) == kEd25519 && as_text(found) == kEd25519Name);
}

// Tokens older than PKCS#11 2.40 do not know the attribute: nothing is said of it, nothing
// promised.
bool may_lack(AttributeType type) noexcept { return type == CKA_DESTROYABLE; }

Error difference(const Recipe& recipe, AttributeType type, ByteView wanted,
                 const std::optional<Bytes>& found) {
  char number[24];
  std::snprintf(number, sizeof number, "0x%lx", type);
  return Error(Code::Internal, std::string(recipe.name) + ": attribute " + number + " is " +
                                   (found ? to_hex(*found) : "missing") + ", not " +
                                   to_hex(wanted));
}

}  // namespace

const Recipe& recipe_of(Profile profile) noexcept {
  return kRecipes[static_cast<std::size_t>(profile)];
}

const Recipe& recipe_of(KekKind kind) noexcept {
  return kKekRecipes[static_cast<std::size_t>(kind)];
}

Recipe embryo_of(const Recipe& recipe) noexcept {
  Recipe embryo = recipe;
  embryo.origin = Origin::Embryo;
  embryo.uses = 0;
  return embryo;
}

Recipe unwrapped_of(const Recipe& recipe) noexcept {
  Recipe unwrapped = recipe;
  unwrapped.origin = Origin::Unwrapped;
  return unwrapped;
}

bool is_pair(const Recipe& recipe) noexcept {
  return recipe.key_type != CKK_AES && recipe.key_type != CKK_GENERIC_SECRET;
}

CK_OBJECT_CLASS class_of(const Recipe& recipe) noexcept {
  return is_pair(recipe) ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
}

void add_seal(ObjectTemplate& object) { object.flag(CKA_MODIFIABLE, false); }

ObjectTemplate key_template(const Recipe& recipe) {
  return is_pair(recipe) ? private_key(recipe) : secret_key(recipe);
}

ObjectTemplate public_half_template(const Recipe& recipe) {
  ObjectTemplate key;
  add_common(key, recipe, CKO_PUBLIC_KEY);
  key.flag(CKA_VERIFY, true)
      .flag(CKA_VERIFY_RECOVER, false)
      .flag(CKA_ENCRYPT, false)
      .flag(CKA_WRAP, false)
      .flag(CKA_DERIVE, false);
  if (recipe.key_type == CKK_RSA) {
    key.number(CKA_MODULUS_BITS, recipe.size).bytes(CKA_PUBLIC_EXPONENT, kPublicExponent);
  } else {
    key.text(CKA_EC_PARAMS, recipe.ec_params);
  }
  add_seal(key);
  return key;
}

ObjectTemplate expected_key(const Recipe& recipe) {
  const bool generated = recipe.origin == Origin::Generated || recipe.origin == Origin::Embryo;
  ObjectTemplate key = key_template(recipe);
  key.flag(CKA_LOCAL, generated).flag(CKA_DESTROYABLE, true);
  if (generated) {
    key.flag(CKA_ALWAYS_SENSITIVE, true)
        .flag(CKA_NEVER_EXTRACTABLE, recipe.origin == Origin::Generated);
  } else if (recipe.origin == Origin::Unwrapped) {
    key.flag(CKA_ALWAYS_SENSITIVE, false).flag(CKA_NEVER_EXTRACTABLE, false);
  }
  if (!is_pair(recipe)) {
    key.flag(CKA_TRUSTED, false);
  } else if (!recipe.ec_params.empty()) {
    key.text(CKA_EC_PARAMS, recipe.ec_params);
  } else {
    key.bytes(CKA_PUBLIC_EXPONENT, kPublicExponent);
  }
  return key;
}

ObjectTemplate expected_public_half(const Recipe& recipe) {
  ObjectTemplate key = public_half_template(recipe);
  key.flag(CKA_LOCAL, true).flag(CKA_TRUSTED, false).flag(CKA_DESTROYABLE, true);
  return key;
}

Result<void> compare(Session& session, ObjectHandle key, const Recipe& recipe,
                     const ObjectTemplate& expected) {
  std::vector<AttributeType> types(expected.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    types[i] = expected.type(i);
  }
  const std::vector<Attribute> found = TRY(session.get_attributes(key, types));
  for (std::size_t i = 0; i < types.size(); ++i) {
    const ByteView wanted = expected.value(i);
    if (!found[i].value && may_lack(types[i])) continue;
    if (!found[i].value || !means(types[i], wanted, *found[i].value)) {
      return difference(recipe, types[i], wanted, found[i].value);
    }
  }
  return {};
}

Result<ObjectHandle> find_one(Session& session, const Recipe& recipe, CK_OBJECT_CLASS object_class,
                              ByteView id) {
  ObjectTemplate wanted;
  wanted.number(CKA_CLASS, object_class).flag(CKA_TOKEN, true).bytes(CKA_ID, id);
  const std::vector<ObjectHandle> found = TRY(session.find_objects(wanted));
  if (found.size() == 1) {
    return found.front();
  }
  const std::string what = std::string(recipe.name) + " with CKA_ID " + to_hex(id);
  if (found.empty()) {
    return Error(Code::Unavailable, "the token shows no " + what);
  }
  return Error(Code::Internal, "the token shows several " + what);
}

}  // namespace kw::pkcs11
