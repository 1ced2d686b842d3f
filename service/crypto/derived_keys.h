// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/names.h"
#include "pkcs11/profile.h"
#include "pkcs11/session.h"
#include "service/crypto/envelope.h"
#include "service/crypto/keyring.h"
#include "service/crypto/recent.h"
#include "service/crypto/xaes.h"
#include "service/keys/key.h"

namespace kw::crypto {

// DerivedLimits say when a derived key has done its work.
struct DerivedLimits {
  std::uint64_t epoch_messages = std::uint64_t{1} << 32;
  Clock::duration epoch_age = std::chrono::hours(24);
  std::size_t opening_keys = 1024;  // how many are kept for opening, 8 KiB of SoftHSM each
  std::size_t sealing_keys = 512;   // the same for sealing; who comes back begins a new epoch
};

// MacPurpose keeps the service's own MACs apart: each has its own key.
enum class MacPurpose { AuditContext, Catalog };

// The purpose in bytes that no other purpose's begin with.
std::string_view label_of(MacPurpose purpose);

// DerivedKeys makes and keeps the derived keys of one session. XAES message keys are session
// objects in the token, one per (key version, nonce prefix): for sealing one per key version and
// epoch, with the counter that makes its nonces; for opening others. Of both a bounded number is
// kept, the longest unused is destroyed. Keys for the service's own MACs are few and stay. Not
// thread-safe; `session` and `keyring` must outlive it.
class DerivedKeys {
 public:
  // A message key and, for sealing, the nonce that is now spent. Good until the next call.
  struct Sealing {
    pkcs11::ObjectHandle key;
    Nonce nonce;
  };

  DerivedKeys(pkcs11::Session& session, Keyring& keyring, DerivedLimits limits)
      : session_(session),
        keyring_(keyring),
        limits_(limits),
        epochs_(limits.sealing_keys),
        opening_(limits.opening_keys) {}
  DerivedKeys(const DerivedKeys&) = delete;
  DerivedKeys& operator=(const DerivedKeys&) = delete;

  // No two calls yield the same nonce for one key version. Errors: those of Keyring::find;
  // Internal (the catalog holds no K1 for this version); Unavailable (the token).
  Result<Sealing> for_sealing(const keys::Key& key, const keys::KeyVersion& version);
  Result<pkcs11::ObjectHandle> for_opening(const keys::Key& key, const keys::KeyVersion& version,
                                           const Nonce& nonce);

  // An HMAC-SHA256 key of a service key: an AES key that can do nothing but derive.
  Result<pkcs11::ObjectHandle> for_mac(const KeyId& service_key, Version version,
                                       MacPurpose purpose);

  // Ends the key's epochs and destroys its derived keys. For a change of its state.
  void forget(const KeyId& key);

  // How many keys were derived so far: SoftHSM never gives back the 240 bytes that each costs.
  std::uint64_t derivations() const noexcept { return derivations_; }
  std::size_t opening_keys() const noexcept { return opening_.size(); }

 private:
  struct Epoch {
    pkcs11::SessionObject key;
    xaes::Prefix prefix;
    xaes::Suffix counter;
    std::uint64_t left;
    Deadline end;
  };
  using VersionId = std::pair<KeyId, Version>;
  using OpeningId = std::tuple<KeyId, Version, xaes::Prefix>;
  using MacId = std::tuple<KeyId, Version, MacPurpose>;

  Result<pkcs11::SessionObject> derive_message_key(const keys::Key& key,
                                                   const keys::KeyVersion& version,
                                                   const xaes::Prefix& prefix);
  Result<Epoch> begin_epoch(const keys::Key& key, const keys::KeyVersion& version);

  pkcs11::Session& session_;
  Keyring& keyring_;
  const DerivedLimits limits_;
  Recent<VersionId, Epoch> epochs_;
  Recent<OpeningId, pkcs11::SessionObject> opening_;
  std::map<MacId, pkcs11::SessionObject> mac_keys_;
  std::uint64_t derivations_ = 0;
};

}  // namespace kw::crypto
