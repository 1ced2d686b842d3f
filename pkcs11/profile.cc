// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/profile.h"

#include <algorithm>

#include "pkcs11/cryptoki.h"
#include "pkcs11/family.h"

namespace kw::pkcs11 {
namespace {

using std::string_view_literals::operator""sv;

enum class Origin { Generated, Derived };

enum Use : unsigned { kEncrypt = 1, kDecrypt = 2, kSign = 4, kVerify = 8, kDerive = 16 };

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
// clang-format on
static_assert(std::size(kRecipes) == static_cast<std::size_t>(Profile::ContextMacKey) + 1);

const Recipe& recipe_of(Profile profile) noexcept {
  return kRecipes[static_cast<std::size_t>(profile)];
}

bool is_pair(const Recipe& recipe) noexcept {
  return recipe.key_type != CKK_AES && recipe.key_type != CKK_GENERIC_SECRET;
}

CK_OBJECT_CLASS class_of(const Recipe& recipe) noexcept {
  return is_pair(recipe) ? CKO_PRIVATE_KEY : CKO_SECRET_KEY;
}

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

void add_secrecy(ObjectTemplate& object) {
  object.flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false).flag(CKA_WRAP_WITH_TRUSTED, true);
}

// Last in every template: SoftHSM 2.6.1 takes attributes one by one, and in C_DeriveKey refuses all
// that follow this one.
void add_seal(ObjectTemplate& object) { object.flag(CKA_MODIFIABLE, false); }

ObjectTemplate secret_key(const Recipe& recipe) {
  ObjectTemplate key;
  add_common(key, recipe, CKO_SECRET_KEY);
  add_secrecy(key);
  key.number(CKA_VALUE_LEN, recipe.size)
      .flag(CKA_ENCRYPT, (recipe.uses & kEncrypt) != 0)
      .flag(CKA_DECRYPT, (recipe.uses & kDecrypt) != 0)
      .flag(CKA_SIGN, (recipe.uses & kSign) != 0)
      .flag(CKA_VERIFY, (recipe.uses & kVerify) != 0)
      .flag(CKA_DERIVE, (recipe.uses & kDerive) != 0)
      .flag(CKA_WRAP, false)
      .flag(CKA_UNWRAP, false);
  add_seal(key);
  return key;
}

ObjectTemplate private_key(const Recipe& recipe) {
  ObjectTemplate key;
  add_common(key, recipe, CKO_PRIVATE_KEY);
  add_secrecy(key);
  key.flag(CKA_SIGN, true)
      .flag(CKA_SIGN_RECOVER, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_UNWRAP, false)
      .flag(CKA_DERIVE, false)
      .flag(CKA_ALWAYS_AUTHENTICATE, false);
  add_seal(key);
  return key;
}

ObjectTemplate public_key(const Recipe& recipe) {
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

// What a template may not ask for and a token says afterwards.
ObjectTemplate expected_key(const Recipe& recipe) {
  const bool generated = recipe.origin == Origin::Generated;
  ObjectTemplate key = is_pair(recipe) ? private_key(recipe) : secret_key(recipe);
  key.flag(CKA_LOCAL, generated);
  if (generated) {
    key.flag(CKA_ALWAYS_SENSITIVE, true).flag(CKA_NEVER_EXTRACTABLE, true);
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
  ObjectTemplate key = public_key(recipe);
  key.flag(CKA_LOCAL, true).flag(CKA_TRUSTED, false);
  return key;
}

Family family_of(const Session& session) noexcept { return family_of(session.module().identity()); }

Part part_of(const Recipe& recipe) noexcept {
  if (!is_pair(recipe)) return Part::SecretKey;
  return recipe.key_type == CKK_RSA ? Part::RsaPrivateKey : Part::EcPrivateKey;
}

Part public_part_of(const Recipe& recipe) noexcept {
  return recipe.key_type == CKK_RSA ? Part::RsaPublicKey : Part::EcPublicKey;
}

ObjectTemplate asked_of(const Session& session, const Recipe& recipe, Part part,
                        ObjectTemplate object) {
  deviate_asked(object, family_of(session), part, MechanismType{recipe.allowed});
  return object;
}

ObjectTemplate expected_of(const Session& session, const Recipe& recipe, Part part,
                           ObjectTemplate object) {
  deviate_expected(object, family_of(session), part, MechanismType{recipe.allowed});
  return object;
}

// Of tpm2-pkcs11: RSA-4096 is to it a wrong attribute; pairs on P-521 it makes, and its C_Sign
// fails.
bool can_use(Family family, Profile profile) noexcept {
  return family != Family::Tpm2 ||
         (profile != Profile::Rsa4096Pkcs && profile != Profile::Rsa4096Pss &&
          profile != Profile::EcdsaP521);
}

ObjectTemplate with_id(ObjectTemplate object, ByteView id) {
  object.bytes(CKA_ID, id);
  return object;
}

ObjectTemplate named(ObjectTemplate object, ByteView id, std::string_view label) {
  object.bytes(CKA_ID, id).text(CKA_LABEL, label);
  return object;
}

// PKCS#11 3.0 knows two spellings of Ed25519's CKA_EC_PARAMS: SoftHSM takes the one and shows the
// other.
bool means(AttributeType type, ByteView wanted, ByteView found) noexcept {
  return std::ranges::equal(wanted, found) ||
         (type == CKA_EC_PARAMS && as_text(wanted) == kEd25519 && as_text(found) == kEd25519Name);
}

Error difference(const Recipe& recipe, AttributeType type, ByteView wanted,
                 const std::optional<Bytes>& found) {
  char number[24];
  std::snprintf(number, sizeof number, "0x%lx", type);
  return Error(Code::Internal, std::string(recipe.name) + ": attribute " + number + " is " +
                                   (found ? to_hex(*found) : "missing") + ", not " +
                                   to_hex(wanted));
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
    if (!found[i].value || !means(types[i], wanted, *found[i].value)) {
      return difference(recipe, types[i], wanted, found[i].value);
    }
  }
  return {};
}

Result<GeneratedKey> make(Session& session, const Recipe& recipe, ByteView id,
                          std::string_view label) {
  const Part part = part_of(recipe);
  if (!is_pair(recipe)) {
    const ObjectHandle key = TRY(session.generate_key(
        recipe.generator(), asked_of(session, recipe, part, named(secret_key(recipe), id, label))));
    return GeneratedKey{key, std::nullopt};
  }
  const ObjectTemplate public_half =
      asked_of(session, recipe, public_part_of(recipe), named(public_key(recipe), id, label));
  const ObjectTemplate private_half =
      asked_of(session, recipe, part, named(private_key(recipe), id, label));
  const KeyPair pair =
      TRY(session.generate_key_pair(recipe.generator(), public_half, private_half));
  return GeneratedKey{pair.private_key, pair.public_key};
}

Result<void> verify_made(Session& session, const GeneratedKey& made, Profile profile, ByteView id) {
  TRY(verify(session, made.key, profile, id));
  if (made.public_half) {
    TRY(verify_public_half(session, *made.public_half, profile, id));
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

Result<std::vector<ObjectHandle>> find_unused(Session& session) {
  ObjectTemplate wanted;
  wanted.number(CKA_CLASS, CKO_SECRET_KEY).flag(CKA_TOKEN, true).text(CKA_LABEL, kUnusedLabel);
  return session.find_objects(wanted);
}

// The only template that lets a value out: 16 bytes, of no use as a key.
ObjectTemplate check_block() {
  ObjectTemplate block;
  block.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .number(CKA_VALUE_LEN, std::tuple_size_v<CheckBlock>)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, false)
      .flag(CKA_EXTRACTABLE, true)
      .flag(CKA_COPYABLE, false)
      .flag(CKA_ENCRYPT, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_SIGN, false)
      .flag(CKA_VERIFY, false)
      .flag(CKA_DERIVE, false)
      .flag(CKA_WRAP, false)
      .flag(CKA_UNWRAP, false);
  add_seal(block);
  return block;
}

}  // namespace

std::string_view to_text(Profile profile) noexcept { return recipe_of(profile).name; }

bool is_key_pair(Profile profile) noexcept { return is_pair(recipe_of(profile)); }

Bytes object_id(const KeyId& id, Version version) {
  Bytes bytes = to_bytes(id.bytes());
  append_u32(bytes, to_number(version));
  return bytes;
}

std::string object_label(const KeyName& name, Version version) {
  return name.text() + "#" + std::to_string(to_number(version));
}

Result<GeneratedKey> generate(Session& session, Profile profile, ByteView id,
                              std::string_view label) {
  const Recipe& recipe = recipe_of(profile);
  KW_ASSERT(recipe.origin == Origin::Generated);
  if (!can_use(family_of(session), profile)) {
    return Error(Code::Unimplemented, std::string(recipe.name) + ": not usable with " +
                                          std::string(to_text(family_of(session))));
  }
  const GeneratedKey made = TRY(make(session, recipe, id, label));
  Result<void> verified = verify_made(session, made, profile, id);
  if (!verified) {
    (void)session.destroy_object(made.key);
    if (made.public_half) {
      (void)session.destroy_object(*made.public_half);
    }
    return std::move(verified).error();
  }
  return made;
}

Result<ObjectHandle> adopt(Session& session, Profile profile, ByteView id, std::string_view label) {
  const Recipe& recipe = recipe_of(profile);
  KW_ASSERT(recipe.key_type == CKK_GENERIC_SECRET && recipe.origin == Origin::Generated);
  const ObjectTemplate expected =
      expected_of(session, recipe, Part::SecretKey, expected_key(recipe));
  for (const ObjectHandle key : TRY(find_unused(session))) {
    const Result<void> fits = compare(session, key, recipe, expected);
    if (!fits && fits.error().code() == Code::Internal) continue;
    TRY(Result<void>(fits));
    ObjectTemplate ours;
    ours.bytes(CKA_ID, id).text(CKA_LABEL, label);
    TRY(session.set_attributes(key, ours));
    TRY(verify(session, key, profile, id));
    return key;
  }
  return refusal(Code::Unimplemented,
                 "algorithm: this token makes no such key itself, and holds none that is unused: "
                 "its operator adds one (docs/tpm.md)");
}

Result<SessionObject> derive(Session& session, Profile profile, ObjectHandle master,
                             std::span<const std::uint8_t, 32> data) {
  const Recipe& recipe = recipe_of(profile);
  KW_ASSERT(recipe.origin == Origin::Derived);
  const ObjectHandle made =
      TRY(session.derive_key(Mechanism::aes_ecb_encrypt_data(data), master, secret_key(recipe)));
  SessionObject derived(session, made);
  TRY(verify(session, made, profile, {}));
  return derived;
}

Result<CheckBlock> derive_check_block(Session& session, ObjectHandle master) {
  CheckBlock block{};
  const ObjectHandle made =
      TRY(session.derive_key(Mechanism::aes_ecb_encrypt_data(block), master, check_block()));
  const SessionObject derived(session, made);
  const Bytes value = TRY(session.get_attribute(made, CKA_VALUE));
  if (value.size() != block.size()) {
    return Error(Code::Internal, "the derived check block has another length");
  }
  std::ranges::copy(value, block.begin());
  return block;
}

Result<void> verify(Session& session, ObjectHandle key, Profile profile, ByteView id) {
  const Recipe& recipe = recipe_of(profile);
  return compare(session, key, recipe,
                 expected_of(session, recipe, part_of(recipe), with_id(expected_key(recipe), id)));
}

Result<void> verify_public_half(Session& session, ObjectHandle key, Profile profile, ByteView id) {
  const Recipe& recipe = recipe_of(profile);
  return compare(session, key, recipe,
                 expected_of(session, recipe, public_part_of(recipe),
                             with_id(expected_public_half(recipe), id)));
}

Result<ObjectHandle> find_key(Session& session, Profile profile, ByteView id) {
  const Recipe& recipe = recipe_of(profile);
  return find_one(session, recipe, class_of(recipe), id);
}

Result<ObjectHandle> find_public_half(Session& session, Profile profile, ByteView id) {
  return find_one(session, recipe_of(profile), CKO_PUBLIC_KEY, id);
}

Result<std::size_t> destroy_all(Session& session, ByteView id) {
  KW_ASSERT(!id.empty());
  ObjectTemplate wanted;
  wanted.flag(CKA_TOKEN, true).bytes(CKA_ID, id);
  const std::vector<ObjectHandle> found = TRY(session.find_objects(wanted));
  Result<void> destroyed;
  for (const ObjectHandle object : found) {
    Result<void> each = session.destroy_object(object);
    if (!each) destroyed = std::move(each);
  }
  if (destroyed) return found.size();
  // SoftHSM removes the object, and fails if the object's lock file is not there to be removed.
  const std::vector<ObjectHandle> left = TRY(session.find_objects(wanted));
  if (!left.empty()) return std::move(destroyed).error();
  return found.size();
}

}  // namespace kw::pkcs11
