// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/create.h"

#include "pkcs11/profile.h"
#include "service/crypto/kek.h"
#include "service/crypto/known_answer.h"
#include "service/crypto/mac.h"
#include "service/crypto/seal.h"
#include "service/crypto/sign.h"
#include "service/crypto/suite2.h"
#include "service/crypto/token_algorithm.h"
#include "service/crypto/verify.h"
#include "service/crypto/xaes.h"

namespace kw::crypto {
namespace {

// The nonce half of the message key that proves a wrap key. No blob is ever sealed under it.
constexpr xaes::Prefix kProofPrefix = {'k', 'e', 'y', 'w', 'a', 'r', 'd', '/', 't', 'e', 's', 't'};

// Each of these uses the key once, so that a key that cannot be used never becomes one.

Result<Bytes> check_deriving_key(Workbench& bench, pkcs11::ObjectHandle handle) {
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  const xaes::K1 k1 = xaes::k1_of(TRY(pkcs11::derive_check_block(bench.session(), handle)));
  const auto message_key = TRY(pkcs11::derive(bench.session(), pkcs11::Profile::MessageKey, handle,
                                              xaes::derivation_data(k1, kProofPrefix)));
  TRY(prove(bench.session(), message_key.handle()));
  return to_bytes(k1);
}

Result<Bytes> check_counted_key(Workbench& bench, pkcs11::ObjectHandle handle) {
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  return suite2::known_tag(bench.session(), handle);
}

Result<Bytes> check_mac_key(Workbench& bench, const keys::Key& key, Version version) {
  keys::KeyVersion checked;
  checked.number = version;
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  return known_mac(bench, key, checked);
}

Result<void> check_signing_key(Workbench& bench, const keys::Key& key, Version version,
                               ByteView public_key) {
  keys::KeyVersion checked;
  checked.number = version;
  const ByteView text = as_bytes(kCheckText);
  const Bytes signature = TRY(sign_message(bench, key, checked, text, SignatureEncoding::Der));
  if (!TRY(verify_message(*key.algorithm, public_key, text, signature, SignatureEncoding::Der))) {
    return Error(Code::Internal, "the token's signature does not verify with the public half");
  }
  return {};
}

Result<Bytes> use_wrap_key(Workbench& bench, const keys::Key& key, Version version,
                           pkcs11::ObjectHandle handle) {
  switch (key.algorithm->sealing) {
    case keys::Sealing::Derived:
      return check_deriving_key(bench, handle);
    case keys::Sealing::Counted:
      return check_counted_key(bench, handle);
    case keys::Sealing::OnHost:
      return check_mac_key(bench, key, version);
    case keys::Sealing::None:
      break;
  }
  KW_ASSERT(false);
}

// Uses the key behind `handle`, which the keyring has, once; yields its check value, which pairs do
// not have.
Result<Bytes> use(Workbench& bench, const keys::Key& key, Version version,
                  pkcs11::ObjectHandle handle, ByteView public_key) {
  switch (key.algorithm->purpose) {
    case keys::Purpose::Wrap:
      return use_wrap_key(bench, key, version, handle);
    case keys::Purpose::Mac:
      return check_mac_key(bench, key, version);
    case keys::Purpose::Sign:
      TRY(check_signing_key(bench, key, version, public_key));
      return Bytes();
  }
  KW_ASSERT(false);
}

Result<pkcs11::GeneratedKey> generate(Workbench& bench, const keys::Key& key, Version version) {
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Generate);
  return pkcs11::generate(bench.session(), profile_of(*key.algorithm),
                          pkcs11::object_id(key.id, version),
                          pkcs11::object_label(key.name, version));
}

// Whether an operator may have left a key of a kind that the token does not make.
bool may_be_left(const keys::Algorithm& algorithm, const Error& error) {
  return algorithm.family == keys::Family::Hmac && error.code() == Code::Unimplemented;
}

Result<pkcs11::GeneratedKey> generate_or_adopt(Workbench& bench, const keys::Key& key,
                                               Version version) {
  auto made = generate(bench, key, version);
  if (made || !may_be_left(*key.algorithm, made.error())) return made;
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Generate);
  const auto adopted = TRY(pkcs11::adopt(bench.session(), profile_of(*key.algorithm),
                                         pkcs11::object_id(key.id, version),
                                         pkcs11::object_label(key.name, version)));
  return pkcs11::GeneratedKey{adopted, std::nullopt};
}

Result<VersionMaterial> make(Workbench& bench, const keys::Key& key, Version version,
                             decltype(generate)& how) {
  const auto made = TRY(how(bench, key, version));
  VersionMaterial material;
  if (made.public_half) {
    material.public_key =
        TRY(pkcs11::public_key(bench.session(), *made.public_half, profile_of(*key.algorithm)));
  }
  bench.keyring().adopt(key.id, version, made.key);
  material.check = TRY(use(bench, key, version, made.key, material.public_key));
  return material;
}

Result<pkcs11::SessionObject> wrap_and_unwrap(Workbench& bench, const keys::Key& key, Version kek,
                                              VersionMaterial& material) {
  const auto kind = kek_kind_of(*key.algorithm);
  if (!kind) return Error(Code::Internal, "no KEK wraps " + std::string(key.algorithm->name));
  const pkcs11::Profile profile = profile_of(*key.algorithm);
  const auto permit = bench.pace().enter(kind_of(*key.algorithm));
  const auto handle = TRY(bench.keyring().find_kek(*kind, kek));
  pkcs11::WrappedKey made = TRY(pkcs11::generate_wrapped(bench.session(), profile, handle));
  material.public_key = std::move(made.public_key);
  material.wrapped = std::move(made.material);
  material.kek = kek;
  return pkcs11::unwrap(bench.session(), profile, handle, material.wrapped);
}

Result<VersionMaterial> make_wrapped(Workbench& bench, const keys::Key& key, Version version,
                                     Version kek) {
  VersionMaterial material;
  auto object = TRY(wrap_and_unwrap(bench, key, kek, material));
  const auto handle = object.handle();
  bench.keyring().adopt(key.id, version, std::move(object));
  material.check = TRY(use(bench, key, version, handle, material.public_key));
  return material;
}

Result<VersionMaterial> or_say_why(Result<VersionMaterial> material, const keys::Key& key) {
  if (material || material.error().code() != Code::Unimplemented) return material;
  if (!material.error().advice().empty()) return material;
  return Error(Code::Unimplemented,
               "algorithm: this token cannot do " + std::string(key.algorithm->name),
               material.error().rv())
      .advised();
}

// Uses a key that an operator left, where it lies.
Result<void> use_unused(Workbench& bench, const keys::Key& key, Version version) {
  const auto left = TRY(pkcs11::find_unused(bench.session(), profile_of(*key.algorithm)));
  bench.keyring().adopt(key.id, version, left);
  const Result<Bytes> used = use(bench, key, version, left, {});
  bench.forget(key.id);
  return used ? Result<void>() : used.error();
}

// The public half as it stands in the token now; empty for a secret key.
Result<Bytes> read_public_half(Workbench& bench, pkcs11::Profile profile, ByteView id) {
  if (!pkcs11::is_key_pair(profile)) return Bytes();
  const auto handle = TRY(pkcs11::find_public_half(bench.session(), profile, id));
  TRY(pkcs11::verify_public_half(bench.session(), handle, profile, id));
  return pkcs11::public_key(bench.session(), handle, profile);
}

Result<void> compare(std::string_view what, const std::string& label, ByteView found,
                     ByteView kept) {
  if (ct_equal(found, kept)) return {};
  return Error(Code::Internal,
               label + ": the token's " + std::string(what) + " is not the catalog's");
}

Result<void> verify_afresh(Workbench& bench, const keys::Key& key,
                           const keys::KeyVersion& version) {
  const pkcs11::Profile profile = profile_of(*key.algorithm);
  const Bytes id = pkcs11::object_id(key.id, version.number);
  const std::string label = pkcs11::object_label(key.name, version.number);
  const auto handle = TRY(pkcs11::find_key(bench.session(), profile, id));
  TRY(pkcs11::verify(bench.session(), handle, profile, id));
  const Bytes public_key = TRY(read_public_half(bench, profile, id));
  TRY(compare("public half", label, public_key, version.public_key));
  bench.keyring().adopt(key.id, version.number, handle);
  const Bytes check = TRY(use(bench, key, version.number, handle, version.public_key));
  return compare("check value", label, check, version.check);
}

Result<void> unwrap_afresh(Workbench& bench, const keys::Key& key,
                           const keys::KeyVersion& version) {
  const auto permit = bench.pace().enter(kind_of(*key.algorithm));
  TRY(bench.keyring().find(key, version));
  return {};
}

}  // namespace

Result<VersionMaterial> create_version(Workbench& bench, const keys::Key& key, Version version) {
  auto material = make(bench, key, version, generate_or_adopt);
  if (!material) (void)destroy_version(bench, key.id, version);
  return or_say_why(std::move(material), key);
}

Result<void> try_out(Workbench& bench, const keys::Key& key, Version version) {
  auto material = make(bench, key, version, generate);
  TRY(destroy_version(bench, key.id, version));
  if (!material && may_be_left(*key.algorithm, material.error())) {
    return use_unused(bench, key, version);
  }
  material = or_say_why(std::move(material), key);
  return material ? Result<void>() : material.error();
}

Result<VersionMaterial> create_wrapped_version(Workbench& bench, const keys::Key& key,
                                               Version version, Version kek) {
  auto material = make_wrapped(bench, key, version, kek);
  if (!material) bench.forget(key.id);
  return or_say_why(std::move(material), key);
}

Result<Bytes> check_value(Workbench& bench, const keys::Key& key, Version version) {
  const pkcs11::ObjectHandle handle = TRY(bench.keyring().find(key.id, version, *key.algorithm));
  return use(bench, key, version, handle, {});
}

Result<void> check_presence(Workbench& bench, const keys::Key& key, Version version) {
  const pkcs11::Profile profile = profile_of(*key.algorithm);
  const Bytes id = pkcs11::object_id(key.id, version);
  const auto handle = TRY(pkcs11::find_key(bench.session(), profile, id));
  return pkcs11::verify(bench.session(), handle, profile, id);
}

Result<Bytes> whole_public_half(Workbench& bench, const keys::Key& key, Version version) {
  const pkcs11::Profile profile = profile_of(*key.algorithm);
  const Bytes id = pkcs11::object_id(key.id, version);
  const auto handle = TRY(pkcs11::find_key(bench.session(), profile, id));
  TRY(pkcs11::verify(bench.session(), handle, profile, id));
  Bytes public_key = TRY(read_public_half(bench, profile, id));
  TRY(use(bench, key, version, handle, public_key));
  return public_key;
}

Result<std::size_t> destroy_version(Workbench& bench, const KeyId& key, Version version) {
  bench.forget(key);
  return pkcs11::destroy_all(bench.session(), pkcs11::object_id(key, version));
}

Result<void> verify_version(Workbench& bench, const keys::Key& key,
                            const keys::KeyVersion& version) {
  bench.keyring().forget(key, version);
  auto verdict = key.residency == keys::Residency::Wrapped ? unwrap_afresh(bench, key, version)
                                                           : verify_afresh(bench, key, version);
  if (!verdict) bench.forget(key.id);
  return verdict;
}

}  // namespace kw::crypto
