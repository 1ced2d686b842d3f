// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/keyring.h"

#include "pkcs11/profile.h"
#include "service/crypto/kek.h"
#include "service/crypto/known_answer.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto {
namespace {

// Codes with which a token may answer to bytes that a KEK did not wrap: SoftHSM has the last two,
// which a broken token has as well.
bool may_be_another_keks(const Error& error) {
  return pkcs11::rv_class(error) == pkcs11::RvClass::Caller ||
         pkcs11::is_ambiguous_on_decrypt(error);
}

}  // namespace

Result<pkcs11::ObjectHandle> Keyring::find(const keys::Key& key, const keys::KeyVersion& version) {
  return key.residency == keys::Residency::Wrapped ? find_wrapped(key, version)
                                                   : find(key.id, version.number, *key.algorithm);
}

Result<pkcs11::ObjectHandle> Keyring::find(const KeyId& key, Version version,
                                           const keys::Algorithm& algorithm) {
  const auto known = handles_.find({key, version});
  if (known != handles_.end()) return known->second;
  const pkcs11::Profile profile = profile_of(algorithm);
  const Bytes id = pkcs11::object_id(key, version);
  const auto handle = TRY(pkcs11::find_key(session_, profile, id));
  TRY(pkcs11::verify(session_, handle, profile, id));
  adopt(key, version, handle);
  return handle;
}

Result<pkcs11::ObjectHandle> Keyring::find_kek(pkcs11::KekKind kind, Version version) {
  const auto known = handles_.find({kek_id(kind), version});
  if (known != handles_.end()) return known->second;
  const Bytes id = pkcs11::object_id(kek_id(kind), version);
  const auto handle = TRY(pkcs11::find_kek(session_, kind, id));
  TRY(pkcs11::verify_kek(session_, handle, kind, id));
  adopt(kek_id(kind), version, handle);
  return handle;
}

Result<pkcs11::ObjectHandle> Keyring::find_wrapped(const keys::Key& key,
                                                   const keys::KeyVersion& version) {
  if (const auto* const kept = working_.find({key.id, version.number})) {
    if (meter_ != nullptr) meter_->reused.add();
    return kept->handle();
  }
  auto made = unwrap(key, version);
  if (!made) {
    if (made.error().code() == Code::Internal && meter_ != nullptr) meter_->suspect(key.id);
    return std::move(made).error();
  }
  const auto handle = made->handle();
  adopt(key.id, version.number, *std::move(made));
  return handle;
}

Result<pkcs11::SessionObject> Keyring::unwrap(const keys::Key& key,
                                              const keys::KeyVersion& version) {
  const auto kind = kek_kind_of(*key.algorithm);
  if (!kind || version.wrapped.empty()) {
    return Error(Code::Internal, "the catalog holds no wrapped material for this key version");
  }
  const auto kek = TRY(find_kek(*kind, version.kek));
  auto made = unwrap_under(kek, *key.algorithm, version.wrapped);
  if (!made && may_be_another_keks(made.error())) {
    const Result<void> proven = prove(kek, *kind);
    if (!proven) return Error(Code::Unavailable, made.error().detail(), made.error().rv());
    session_.reinstate();
    made = unwrap_under(kek, *key.algorithm, version.wrapped);
    if (!made) {
      session_.reinstate();
      return Error(Code::Internal, made.error().detail() + ": not wrapped by this KEK");
    }
  }
  if (!made) return made;
  TRY(check_identity(session_, made->handle(), *key.algorithm, version));
  return made;
}

Result<pkcs11::SessionObject> Keyring::unwrap_under(pkcs11::ObjectHandle kek,
                                                    const keys::Algorithm& algorithm,
                                                    ByteView material) {
  if (meter_ != nullptr) meter_->unwrapped.add();
  return pkcs11::unwrap(session_, profile_of(algorithm), kek, material);
}

Result<void> Keyring::prove(pkcs11::ObjectHandle kek, pkcs11::KekKind kind) {
  const pkcs11::Profile profile = profile_of(*canary_of(kind).algorithm);
  const auto probe = TRY(pkcs11::generate_wrapped(session_, profile, kek));
  TRY(pkcs11::unwrap(session_, profile, kek, probe.material));
  return {};
}

void Keyring::adopt(const KeyId& key, Version version, pkcs11::ObjectHandle handle) {
  handles_.insert_or_assign({key, version}, handle);
}

void Keyring::adopt(const KeyId& key, Version version, pkcs11::SessionObject object) {
  const bool evicted = working_.put({key, version}, std::move(object));
  if (evicted && meter_ != nullptr) meter_->evicted.add();
}

void Keyring::forget(const keys::Key& key, const keys::KeyVersion& version) {
  handles_.erase({key.id, version.number});
  working_.erase({key.id, version.number});
  const auto kind = kek_kind_of(*key.algorithm);
  if (key.residency == keys::Residency::Wrapped && kind) {
    handles_.erase({kek_id(*kind), version.kek});
  }
}

void Keyring::forget(const KeyId& key) {
  std::erase_if(handles_, [&](const auto& entry) { return entry.first.first == key; });
  working_.erase_if([&](const VersionId& id) { return id.first == key; });
}

}  // namespace kw::crypto
