// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/kek.h"

#include <algorithm>

#include "pkcs11/recipe.h"

namespace kw::pkcs11 {
namespace {

// Of every attribute that the templates speak of, SoftHSM 2.6.1 demands that it be there and equal.

ObjectTemplate wrap_template(CK_KEY_TYPE key_type) {
  ObjectTemplate wanted;
  wanted.number(CKA_KEY_TYPE, key_type)
      .flag(CKA_TOKEN, false)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, true);
  return wanted;
}

ObjectTemplate unwrap_template(CK_KEY_TYPE key_type, CK_OBJECT_CLASS object_class, unsigned uses) {
  ObjectTemplate wanted;
  wanted.number(CKA_CLASS, object_class)
      .number(CKA_KEY_TYPE, key_type)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_SIGN, (uses & kSign) != 0)
      .flag(CKA_DERIVE, (uses & kDerive) != 0)
      .flag(CKA_UNWRAP, false);
  if (object_class == CKO_SECRET_KEY) wanted.flag(CKA_ENCRYPT, false).flag(CKA_WRAP, false);
  return wanted;
}

struct KekTemplates {
  ObjectTemplate wrap;
  ObjectTemplate unwrap;
};

KekTemplates templates_of(KekKind kind) {
  switch (kind) {
    case KekKind::Aes:
      return {wrap_template(CKK_AES), unwrap_template(CKK_AES, CKO_SECRET_KEY, kDerive)};
    case KekKind::Hmac:
      return {wrap_template(CKK_GENERIC_SECRET),
              unwrap_template(CKK_GENERIC_SECRET, CKO_SECRET_KEY, kSign)};
    case KekKind::Rsa:
      return {wrap_template(CKK_RSA), unwrap_template(CKK_RSA, CKO_PRIVATE_KEY, kSign)};
    case KekKind::Ec:
      return {wrap_template(CKK_EC), unwrap_template(CKK_EC, CKO_PRIVATE_KEY, kSign)};
  }
  KW_ASSERT(false);
}

ObjectTemplate kek_template(KekKind kind, ByteView id, std::string_view label) {
  ObjectTemplate kek;
  KekTemplates templates = templates_of(kind);
  kek.bytes(CKA_ID, id)
      .text(CKA_LABEL, label)
      .nested(CKA_WRAP_TEMPLATE, std::move(templates.wrap))
      .nested(CKA_UNWRAP_TEMPLATE, std::move(templates.unwrap));
  kek.append(key_template(recipe_of(kind)));
  return kek;
}

// A template as the token holds it says the same as ours, in whatever order.
Result<void> compare_template(Session& session, ObjectHandle kek, KekKind kind, AttributeType type,
                              const ObjectTemplate& wanted) {
  const std::vector<Attribute> found = TRY(session.get_template(kek, type));
  bool same = found.size() == wanted.size();
  for (std::size_t i = 0; same && i < wanted.size(); ++i) {
    const auto at = std::ranges::find(found, wanted.type(i), &Attribute::type);
    same = at != found.end() && at->value && std::ranges::equal(*at->value, wanted.value(i));
  }
  if (same) return {};
  return Error(Code::Internal,
               std::string(to_text(kind)) + ": its " +
                   (type == CKA_WRAP_TEMPLATE ? "WRAP_TEMPLATE" : "UNWRAP_TEMPLATE") + " differs");
}

// Embryo destroys what was made for a moment: both halves, where there are two.
struct Embryo {
  SessionObject key;
  std::optional<SessionObject> public_half;
};

Result<Embryo> generate_embryo(Session& session, const Recipe& recipe) {
  if (!is_pair(recipe)) {
    const ObjectHandle key = TRY(session.generate_key(recipe.generator(), key_template(recipe)));
    return Embryo{SessionObject(session, key), std::nullopt};
  }
  const KeyPair pair = TRY(session.generate_key_pair(
      recipe.generator(), public_half_template(recipe), key_template(recipe)));
  return Embryo{SessionObject(session, pair.private_key), SessionObject(session, pair.public_key)};
}

}  // namespace

std::string_view to_text(KekKind kind) noexcept { return recipe_of(kind).name; }

std::optional<KekKind> kek_kind_of(Profile profile) noexcept {
  const Recipe& recipe = recipe_of(profile);
  if (recipe.origin != Origin::Generated) return std::nullopt;
  switch (recipe.key_type) {
    case CKK_AES:
      if ((recipe.uses & kDerive) == 0) return std::nullopt;
      return KekKind::Aes;
    case CKK_GENERIC_SECRET:
      return KekKind::Hmac;
    case CKK_RSA:
      return KekKind::Rsa;
    case CKK_EC:
      return KekKind::Ec;
    default:
      return std::nullopt;
  }
}

Result<ObjectHandle> generate_kek(Session& session, KekKind kind, ByteView id,
                                  std::string_view label) {
  const ObjectHandle made =
      TRY(session.generate_key(recipe_of(kind).generator(), kek_template(kind, id, label)));
  Result<void> verified = verify_kek(session, made, kind, id);
  if (verified) return made;
  (void)session.destroy_object(made);
  return std::move(verified).error();
}

Result<void> verify_kek(Session& session, ObjectHandle kek, KekKind kind, ByteView id) {
  ObjectTemplate expected = expected_key(recipe_of(kind));
  expected.bytes(CKA_ID, id);
  TRY(compare(session, kek, recipe_of(kind), expected));
  const KekTemplates templates = templates_of(kind);
  TRY(compare_template(session, kek, kind, CKA_WRAP_TEMPLATE, templates.wrap));
  return compare_template(session, kek, kind, CKA_UNWRAP_TEMPLATE, templates.unwrap);
}

Result<ObjectHandle> find_kek(Session& session, KekKind kind, ByteView id) {
  return find_one(session, recipe_of(kind), CKO_SECRET_KEY, id);
}

Result<WrappedKey> generate_wrapped(Session& session, Profile profile, ObjectHandle kek) {
  const Recipe recipe = embryo_of(recipe_of(profile));
  const Embryo embryo = TRY(generate_embryo(session, recipe));
  TRY(compare(session, embryo.key.handle(), recipe, expected_key(recipe)));
  WrappedKey wrapped;
  if (embryo.public_half) {
    wrapped.public_key = TRY(public_key(session, embryo.public_half->handle(), profile));
  }
  wrapped.material = TRY(session.wrap_key(Mechanism::aes_key_wrap_pad(), kek, embryo.key.handle()));
  return wrapped;
}

Result<SessionObject> unwrap(Session& session, Profile profile, ObjectHandle kek,
                             ByteView material) {
  const Recipe recipe = unwrapped_of(recipe_of(profile));
  const ObjectHandle made =
      TRY(session.unwrap_key(Mechanism::aes_key_wrap_pad(), kek, material, key_template(recipe)));
  SessionObject unwrapped(session, made);
  TRY(compare(session, made, recipe, expected_key(recipe)));
  return unwrapped;
}

}  // namespace kw::pkcs11
