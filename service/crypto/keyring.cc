// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/keyring.h"

#include "pkcs11/profile.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto {

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

void Keyring::adopt(const KeyId& key, Version version, pkcs11::ObjectHandle handle) {
  handles_.insert_or_assign({key, version}, handle);
}

void Keyring::forget(const KeyId& key, Version version) { handles_.erase({key, version}); }

void Keyring::forget(const KeyId& key) {
  std::erase_if(handles_, [&](const auto& entry) { return entry.first.first == key; });
}

}  // namespace kw::crypto
