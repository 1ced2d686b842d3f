// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/profile.h"

#include <algorithm>

#include "pkcs11/cryptoki.h"
#include "pkcs11/family.h"
#include "pkcs11/recipe.h"

namespace kw::pkcs11 {
namespace {

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

Result<GeneratedKey> make(Session& session, const Recipe& recipe, ByteView id,
                          std::string_view label) {
  const Part part = part_of(recipe);
  if (!is_pair(recipe)) {
    const ObjectHandle key = TRY(session.generate_key(
        recipe.generator(),
        asked_of(session, recipe, part, named(key_template(recipe), id, label))));
    return GeneratedKey{key, std::nullopt};
  }
  const ObjectTemplate public_half = asked_of(session, recipe, public_part_of(recipe),
                                              named(public_half_template(recipe), id, label));
  const ObjectTemplate private_half =
      asked_of(session, recipe, part, named(key_template(recipe), id, label));
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

Result<std::vector<ObjectHandle>> all_unused(Session& session) {
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

Result<ObjectHandle> find_unused(Session& session, Profile profile) {
  const Recipe& recipe = recipe_of(profile);
  KW_ASSERT(recipe.key_type == CKK_GENERIC_SECRET && recipe.origin == Origin::Generated);
  const ObjectTemplate expected =
      expected_of(session, recipe, Part::SecretKey, expected_key(recipe));
  for (const ObjectHandle key : TRY(all_unused(session))) {
    const Result<void> fits = compare(session, key, recipe, expected);
    if (fits) return key;
    if (fits.error().code() != Code::Internal) return fits.error();
  }
  return refusal(Code::Unimplemented,
                 "algorithm: this token makes no such key itself, and holds none that is unused: "
                 "its operator adds one (docs/tpm.md)");
}

Result<ObjectHandle> adopt(Session& session, Profile profile, ByteView id, std::string_view label) {
  const ObjectHandle key = TRY(find_unused(session, profile));
  ObjectTemplate ours;
  ours.bytes(CKA_ID, id).text(CKA_LABEL, label);
  TRY(session.set_attributes(key, ours));
  TRY(verify(session, key, profile, id));
  return key;
}

Result<SessionObject> derive(Session& session, Profile profile, ObjectHandle master,
                             std::span<const std::uint8_t, 32> data) {
  const Recipe& recipe = recipe_of(profile);
  KW_ASSERT(recipe.origin == Origin::Derived);
  const ObjectHandle made =
      TRY(session.derive_key(Mechanism::aes_ecb_encrypt_data(data), master, key_template(recipe)));
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
