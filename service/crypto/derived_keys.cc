// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/derived_keys.h"

#include "service/crypto/random.h"

#include <algorithm>

namespace kw::crypto {
namespace {

// Service keys are AES keys that derive, so they are found under the profile of this algorithm.
const keys::Algorithm& deriving_algorithm() { return *keys::find_algorithm("xaes-256-gcm"); }

xaes::Prefix prefix_of(const Nonce& nonce) {
  xaes::Prefix prefix{};
  std::copy_n(nonce.begin(), prefix.size(), prefix.begin());
  return prefix;
}

Nonce join(const xaes::Prefix& prefix, const xaes::Suffix& suffix) {
  Nonce nonce{};
  std::ranges::copy(suffix, std::ranges::copy(prefix, nonce.begin()).out);
  return nonce;
}

Result<xaes::K1> k1_in(const keys::KeyVersion& version) {
  xaes::K1 k1{};
  if (version.check.size() != k1.size()) {
    return Error(Code::Internal, "the catalog holds no K1 for this key version");
  }
  std::ranges::copy(version.check, k1.begin());
  return k1;
}

}  // namespace

std::string_view label_of(MacPurpose purpose) {
  switch (purpose) {
    case MacPurpose::AuditContext:
      return "keyward/mac-key/v1/audit-context";
    case MacPurpose::Catalog:
      return "keyward/mac-key/v1/catalog";
  }
  KW_ASSERT(false);
}

Result<DerivedKeys::Sealing> DerivedKeys::for_sealing(const keys::Key& key,
                                                      const keys::KeyVersion& version) {
  const VersionId id{key.id, version.number};
  auto at = epochs_.find(id);
  if (at != epochs_.end() && (at->second.left == 0 || has_passed(at->second.end))) {
    epochs_.erase(at);
    at = epochs_.end();
  }
  if (at == epochs_.end()) at = epochs_.emplace(id, TRY(begin_epoch(key, version))).first;
  Epoch& epoch = at->second;
  --epoch.left;
  xaes::increment(epoch.counter);
  return Sealing{epoch.key.handle(), join(epoch.prefix, epoch.counter)};
}

Result<pkcs11::ObjectHandle> DerivedKeys::for_opening(const keys::Key& key,
                                                      const keys::KeyVersion& version,
                                                      const Nonce& nonce) {
  const OpeningId id{key.id, version.number, prefix_of(nonce)};
  const auto epoch = epochs_.find({key.id, version.number});
  if (epoch != epochs_.end() && epoch->second.prefix == std::get<xaes::Prefix>(id)) {
    return epoch->second.key.handle();
  }
  const auto known = opening_.find(id);
  if (known != opening_.end()) {
    uses_.splice(uses_.end(), uses_, known->second.use);
    return known->second.key.handle();
  }
  auto made = TRY(derive_message_key(key, version, std::get<xaes::Prefix>(id)));
  make_room();
  const auto use = uses_.insert(uses_.end(), id);
  return opening_.emplace(id, Opening{std::move(made), use}).first->second.key.handle();
}

Result<pkcs11::ObjectHandle> DerivedKeys::for_mac(const KeyId& service_key, Version version,
                                                  MacPurpose purpose) {
  const MacId id{service_key, version, purpose};
  auto at = mac_keys_.find(id);
  if (at == mac_keys_.end()) {
    const xaes::DerivationData data = sha256(as_bytes(label_of(purpose)));
    auto made = TRY(derive(pkcs11::Profile::ContextMacKey, {service_key, version}, data));
    at = mac_keys_.emplace(id, std::move(made)).first;
  }
  return at->second.handle();
}

void DerivedKeys::forget(const KeyId& key) {
  const auto is_of_key = [&](const auto& entry) { return std::get<0>(entry.first) == key; };
  std::erase_if(epochs_, is_of_key);
  std::erase_if(opening_, is_of_key);
  std::erase_if(mac_keys_, is_of_key);
  std::erase_if(uses_, [&](const OpeningId& id) { return std::get<KeyId>(id) == key; });
}

Result<pkcs11::SessionObject> DerivedKeys::derive(pkcs11::Profile profile, const VersionId& master,
                                                  const xaes::DerivationData& data) {
  const auto derive_from = [&](pkcs11::ObjectHandle handle) {
    return pkcs11::derive(session_, profile, handle, data);
  };
  auto made = TRY(keyring_.with(master.first, master.second, deriving_algorithm(), derive_from));
  ++derivations_;
  return made;
}

Result<pkcs11::SessionObject> DerivedKeys::derive_message_key(const keys::Key& key,
                                                              const keys::KeyVersion& version,
                                                              const xaes::Prefix& prefix) {
  const xaes::K1 k1 = TRY(k1_in(version));
  return derive(pkcs11::Profile::MessageKey, {key.id, version.number},
                xaes::derivation_data(k1, prefix));
}

Result<DerivedKeys::Epoch> DerivedKeys::begin_epoch(const keys::Key& key,
                                                    const keys::KeyVersion& version) {
  xaes::Prefix prefix{};
  xaes::Suffix counter{};
  TRY(draw_nonce(session_, prefix));
  TRY(mix_random(session_, counter));
  return Epoch{TRY(derive_message_key(key, version, prefix)), prefix, counter,
               limits_.epoch_messages, deadline_in(limits_.epoch_age)};
}

void DerivedKeys::make_room() {
  while (!uses_.empty() && opening_.size() >= limits_.opening_keys) {
    opening_.erase(uses_.front());
    uses_.pop_front();
  }
}

}  // namespace kw::crypto
