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
  Epoch* epoch = epochs_.find(id);
  if (epoch == nullptr || epoch->left == 0 || has_passed(epoch->end)) {
    epochs_.put(id, TRY(begin_epoch(key, version)));
    epoch = epochs_.find(id);
  }
  --epoch->left;
  xaes::increment(epoch->counter);
  return Sealing{epoch->key.handle(), join(epoch->prefix, epoch->counter)};
}

Result<pkcs11::ObjectHandle> DerivedKeys::for_opening(const keys::Key& key,
                                                      const keys::KeyVersion& version,
                                                      const Nonce& nonce) {
  const xaes::Prefix prefix = prefix_of(nonce);
  const Epoch* const epoch = epochs_.find({key.id, version.number});
  if (epoch != nullptr && epoch->prefix == prefix) return epoch->key.handle();
  const OpeningId id{key.id, version.number, prefix};
  if (const auto* const known = opening_.find(id)) return known->handle();
  auto made = TRY(derive_message_key(key, version, prefix));
  const auto handle = made.handle();
  opening_.put(id, std::move(made));
  return handle;
}

Result<pkcs11::ObjectHandle> DerivedKeys::for_mac(const KeyId& service_key, Version version,
                                                  MacPurpose purpose) {
  const MacId id{service_key, version, purpose};
  auto at = mac_keys_.find(id);
  if (at == mac_keys_.end()) {
    const xaes::DerivationData data = sha256(as_bytes(label_of(purpose)));
    const auto derive_from = [&](pkcs11::ObjectHandle handle) {
      return pkcs11::derive(session_, pkcs11::Profile::ContextMacKey, handle, data);
    };
    auto made = TRY(keyring_.with(service_key, version, deriving_algorithm(), derive_from));
    ++derivations_;
    at = mac_keys_.emplace(id, std::move(made)).first;
  }
  return at->second.handle();
}

void DerivedKeys::forget(const KeyId& key) {
  epochs_.erase_if([&](const VersionId& id) { return id.first == key; });
  opening_.erase_if([&](const OpeningId& id) { return std::get<KeyId>(id) == key; });
  std::erase_if(mac_keys_, [&](const auto& entry) { return std::get<0>(entry.first) == key; });
}

Result<pkcs11::SessionObject> DerivedKeys::derive_message_key(const keys::Key& key,
                                                              const keys::KeyVersion& version,
                                                              const xaes::Prefix& prefix) {
  const xaes::DerivationData data = xaes::derivation_data(TRY(k1_in(version)), prefix);
  const auto derive_from = [&](pkcs11::ObjectHandle handle) {
    return pkcs11::derive(session_, pkcs11::Profile::MessageKey, handle, data);
  };
  auto made = TRY(keyring_.with(key, version, derive_from));
  ++derivations_;
  return made;
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

}  // namespace kw::crypto
