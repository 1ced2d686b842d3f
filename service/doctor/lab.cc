// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/lab.h"

#include <algorithm>
#include <array>
#include <bit>

#include "service/doctor/host.h"

namespace kw::doctor {
namespace {

using pkcs11::ObjectTemplate;
using pkcs11::Profile;

constexpr std::string_view kIdPrefix = "kwdoctor";
constexpr int kPasses = 5;  // a token that stumbles now and then gets cleared all the same

struct Optional {
  CK_ATTRIBUTE_TYPE type;
  const char* name;
};

// What a token may not know. The lower the bit, the dearer to us.
constexpr std::array<Optional, 4> kOptional = {{{CKA_ALLOWED_MECHANISMS, "CKA_ALLOWED_MECHANISMS"},
                                                {CKA_MODIFIABLE, "CKA_MODIFIABLE"},
                                                {CKA_COPYABLE, "CKA_COPYABLE"},
                                                {CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED"}}};

bool leaves_out(unsigned mask, CK_ATTRIBUTE_TYPE type) {
  for (std::size_t i = 0; i < kOptional.size(); ++i) {
    if (kOptional[i].type == type) return (mask >> i & 1U) != 0;
  }
  return false;
}

std::string names_of(unsigned mask) {
  std::string names;
  for (std::size_t i = 0; i < kOptional.size(); ++i) {
    if ((mask >> i & 1U) != 0)
      names += (names.empty() ? "" : ", ") + std::string(kOptional[i].name);
  }
  return names;
}

// Fewest left out first.
std::vector<unsigned> masks() {
  std::vector<unsigned> all;
  for (unsigned mask = 1; mask < 1U << kOptional.size(); ++mask) all.push_back(mask);
  std::ranges::stable_sort(all, {}, [](unsigned mask) { return std::popcount(mask); });
  return all;
}

void add_strictness(ObjectTemplate& key, unsigned mask, CK_MECHANISM_TYPE allowed) {
  const pkcs11::MechanismType mechanism{allowed};
  if (!leaves_out(mask, CKA_ALLOWED_MECHANISMS)) {
    key.mechanisms(CKA_ALLOWED_MECHANISMS, {&mechanism, 1});
  }
  if (!leaves_out(mask, CKA_COPYABLE)) key.flag(CKA_COPYABLE, false);
  if (!leaves_out(mask, CKA_WRAP_WITH_TRUSTED)) key.flag(CKA_WRAP_WITH_TRUSTED, true);
  if (!leaves_out(mask, CKA_MODIFIABLE)) key.flag(CKA_MODIFIABLE, false);
}

void add_name(ObjectTemplate& object, ByteView id) {
  object.bytes(CKA_ID, id).text(CKA_LABEL, Lab::kLabel);
}

struct SecretRecipe {
  CK_KEY_TYPE type;
  CK_MECHANISM_TYPE generator;
  CK_MECHANISM_TYPE allowed;
  unsigned uses;
};

SecretRecipe secret_recipe(Profile profile) {
  if (profile == Profile::MasterAes) {
    return {CKK_AES, CKM_AES_KEY_GEN, CKM_AES_ECB_ENCRYPT_DATA, kDerive};
  }
  return {CKK_GENERIC_SECRET, CKM_GENERIC_SECRET_KEY_GEN, CKM_SHA256_HMAC, kSign | kVerify};
}

Answer make_secret(const Raw& raw, Profile profile, unsigned mask, ByteView id) {
  const SecretRecipe recipe = secret_recipe(profile);
  ObjectTemplate key;
  key.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, recipe.type)
      .number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_ENCRYPT, false)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_SIGN, (recipe.uses & kSign) != 0)
      .flag(CKA_VERIFY, (recipe.uses & kVerify) != 0)
      .flag(CKA_WRAP, false)
      .flag(CKA_UNWRAP, false)
      .flag(CKA_DERIVE, (recipe.uses & kDerive) != 0);
  add_name(key, id);
  add_strictness(key, mask, recipe.allowed);
  return raw.generate(recipe.generator, key);
}

Answer make_pair(const Raw& raw, Profile profile, unsigned mask, ByteView id) {
  const bool is_rsa = profile == Profile::Rsa2048Pkcs;
  ObjectTemplate outer;
  ObjectTemplate inner;
  outer.flag(CKA_TOKEN, true).flag(CKA_VERIFY, true).flag(CKA_ENCRYPT, false).flag(CKA_WRAP, false);
  if (is_rsa) {
    constexpr std::array<std::uint8_t, 3> kF4{1, 0, 1};
    outer.number(CKA_MODULUS_BITS, 2048).bytes(CKA_PUBLIC_EXPONENT, kF4);
  } else {
    outer.text(CKA_EC_PARAMS, kP256);
  }
  inner.flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_SIGN, true)
      .flag(CKA_DECRYPT, false)
      .flag(CKA_UNWRAP, false);
  add_name(outer, id);
  add_name(inner, id);
  add_strictness(inner, mask, is_rsa ? CKM_RSA_PKCS : CKM_ECDSA);
  CK_OBJECT_HANDLE public_half = CK_INVALID_HANDLE;
  return raw.generate_pair(is_rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, outer, inner,
                           public_half);
}

// Whether an object is a doctor's: its label was asked for, this is its CKA_ID.
bool is_scratch(pkcs11::Session& session, pkcs11::ObjectHandle object) {
  const Result<Bytes> id = session.get_attribute(object, CKA_ID);
  return id && as_text(*id).starts_with(kIdPrefix);
}

Result<std::vector<pkcs11::ObjectHandle>> scratch_objects(pkcs11::Session& session) {
  ObjectTemplate wanted;
  wanted.flag(CKA_TOKEN, true).text(CKA_LABEL, Lab::kLabel);
  std::vector<pkcs11::ObjectHandle> found = TRY(session.find_objects(wanted));
  std::erase_if(found, [&](pkcs11::ObjectHandle object) { return !is_scratch(session, object); });
  return found;
}

}  // namespace

Lab::~Lab() { (void)sweep(); }

KeyId Lab::fresh_id() {
  Bytes bytes = to_bytes(as_bytes(kIdPrefix));
  append(bytes, host::random(KeyId::kSize - bytes.size()));
  return KeyId::decode(bytes).value();
}

Result<Raw> Lab::raw() const { return Raw(TRY(token_.open_session())); }

Result<OurKey> Lab::ours(Profile profile) {
  const auto found = ours_.find(profile);
  if (found != ours_.end()) return found->second;
  return ours_.emplace(profile, make(profile)).first->second;
}

Result<OurKey> Lab::make(Profile profile) {
  pkcs11::Session session = TRY(token_.open_session());
  const Bytes id = pkcs11::object_id(fresh_id(), Version{1});
  const auto made = pkcs11::generate(session, profile, id, kLabel);
  if (made) return OurKey{static_cast<CK_OBJECT_HANDLE>(made->key), id};
  return make_nearest(profile, made.error());
}

Result<OurKey> Lab::make_nearest(Profile profile, const Error& why) {
  const Bytes id = pkcs11::object_id(fresh_id(), Version{1});
  std::vector<unsigned> tried = {0};  // all named: made, but not read back as asked for
  const std::vector<unsigned> rest = masks();
  tried.insert(tried.end(), rest.begin(), rest.end());
  for (const unsigned mask : tried) {
    const Raw raw = TRY(this->raw());
    const Answer made = pkcs11::is_key_pair(profile) ? make_pair(raw, profile, mask, id)
                                                     : make_secret(raw, profile, mask, id);
    if (!made.ok()) continue;
    if (!differences_.empty()) differences_ += "; ";
    differences_ += std::string(to_text(profile)) + ": " +
                    (mask == 0 ? why.detail() : "the token refuses " + names_of(mask));
    return OurKey{made.object, id};
  }
  return why;
}

Result<CK_OBJECT_HANDLE> Lab::message_key(Raw& raw) {
  const OurKey master = TRY(ours(Profile::MasterAes));
  const Bytes data = host::random(32);
  auto derived =
      pkcs11::derive(raw.session(), Profile::MessageKey, pkcs11::ObjectHandle{master.handle},
                     std::span<const std::uint8_t, 32>(data.data(), 32));
  if (!derived) return std::move(derived).error();
  return static_cast<CK_OBJECT_HANDLE>((std::move(*derived)).release());
}

Result<std::size_t> Lab::sweep() {
  pkcs11::Session session = TRY(token_.open_session());
  ours_.clear();
  std::vector<pkcs11::ObjectHandle> left = TRY(scratch_objects(session));
  const std::size_t found = left.size();
  for (int pass = 0; pass < kPasses && !left.empty(); ++pass) {
    for (const pkcs11::ObjectHandle object : left) (void)session.destroy_object(object);
    left = TRY(scratch_objects(session));
  }
  if (left.empty()) return found;
  return Error(Code::Unavailable, std::to_string(left.size()) + " scratch objects labelled " +
                                      kLabel + " cannot be removed");
}

Result<CK_OBJECT_HANDLE> import_key(const Raw& raw, const SecretWish& wish, ByteView value) {
  const Answer made = raw.create(secret_key(wish, value));
  if (made.ok()) return made.object;
  return Error(Code::Unimplemented, "the token takes no key from outside: " + made.name());
}

Result<KnownKey> known_key(const Raw& raw, const SecretWish& wish) {
  KnownKey key{CK_INVALID_HANDLE, host::random(32)};
  key.handle = TRY(import_key(raw, wish, key.value));
  return key;
}

Result<RsaPair> rsa_key(const Raw& raw, unsigned uses, CK_ULONG bits) {
  constexpr std::array<std::uint8_t, 3> kF4{1, 0, 1};
  const PairTemplates wanted = rsa_pair(uses, bits, kF4);
  RsaPair pair{};
  const Answer made = raw.generate_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, wanted.public_half,
                                        wanted.private_half, pair.public_half);
  if (!made.ok()) {
    return Error(Code::Unimplemented, "the token makes no such RSA key: " + made.name());
  }
  pair.private_half = made.object;
  pair.modulus = raw.attribute(pair.public_half, CKA_MODULUS).bytes;
  pair.exponent = raw.attribute(pair.public_half, CKA_PUBLIC_EXPONENT).bytes;
  return pair;
}

}  // namespace kw::doctor
