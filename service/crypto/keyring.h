// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/names.h"
#include "pkcs11/kek.h"
#include "pkcs11/return_value.h"
#include "pkcs11/session.h"
#include "service/crypto/recent.h"
#include "service/crypto/working_key_meter.h"
#include "service/keys/key.h"

namespace kw::crypto {

// WorkingKeyOptions are a keyring's for wrapped keys.
struct WorkingKeyOptions {
  std::size_t limit = 512;           // how many are kept unwrapped, 8 KiB of SoftHSM each
  WorkingKeyMeter* meter = nullptr;  // must outlive the keyring
};

// Keyring knows where one session's keys stand: (key, version) -> object handle. A key in the token
// is found by its CKA_ID, alone; a wrapped one is unwrapped by its KEK into a session object, and a
// bounded number of these is kept. Either way its attributes are compared with its algorithm's
// profile before its handle is given out, and a wrapped key's identity with the catalog, too. Not
// thread-safe; `session` must outlive it.
class Keyring {
 public:
  explicit Keyring(pkcs11::Session& session, WorkingKeyOptions options = {})
      : session_(session), meter_(options.meter), working_(options.limit) {}
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;

  // Good until the next find. Errors: Unavailable (the token has no such object or KEK, or is
  // away), Internal (the object is not what its profile or the catalog says, or stands there
  // twice).
  Result<pkcs11::ObjectHandle> find(const keys::Key& key, const keys::KeyVersion& version);
  // The same for a key that is an object of the token.
  Result<pkcs11::ObjectHandle> find(const KeyId& key, Version version,
                                    const keys::Algorithm& algorithm);
  // The KEK of this kind and version.
  Result<pkcs11::ObjectHandle> find_kek(pkcs11::KekKind kind, Version version);

  // Runs `use` with the key's handle. A token that no longer knows the handle is asked for the
  // object again, once.
  template <typename Use>
  auto with(const keys::Key& key, const keys::KeyVersion& version, Use&& use)
      -> std::invoke_result_t<Use, pkcs11::ObjectHandle> {
    const auto look = [&] { return find(key, version); };
    return retry(
        look, [&] { forget(key, version); }, use);
  }
  // The same for a key that is an object of the token.
  template <typename Use>
  auto with(const KeyId& key, Version version, const keys::Algorithm& algorithm, Use&& use)
      -> std::invoke_result_t<Use, pkcs11::ObjectHandle> {
    const auto look = [&] { return find(key, version, algorithm); };
    return retry(
        look,
        [&] {
          handles_.erase({key, version});
        },
        use);
  }

  // Takes in a handle whose attributes were just compared by the one who made the object, or a
  // wrapped key's session object.
  void adopt(const KeyId& key, Version version, pkcs11::ObjectHandle handle);
  void adopt(const KeyId& key, Version version, pkcs11::SessionObject object);

  // How often an object was asked for anew because its handle was void: who kept what it knew of
  // the object compares again.
  std::uint64_t refinds() const noexcept { return refinds_; }
  void note_refind() noexcept { ++refinds_; }

  // Forgets handles, so that the next find asks the token; of a wrapped version its KEK's, too.
  void forget(const keys::Key& key, const keys::KeyVersion& version);
  void forget(const KeyId& key, Version version) { handles_.erase({key, version}); }
  void forget(const KeyId& key);

  std::size_t working_keys() const noexcept { return working_.size(); }

 private:
  using VersionId = std::pair<KeyId, Version>;

  bool is_stale(const Error& error) const noexcept {
    return pkcs11::rv_class(error) == pkcs11::RvClass::Handle && session_.usable();
  }

  template <typename Look, typename Forget, typename Use>
  auto retry(const Look& look, const Forget& forget, const Use& use)
      -> std::invoke_result_t<Use, pkcs11::ObjectHandle> {
    auto outcome = attempt(look, use);
    if (outcome || !is_stale(outcome.error())) return outcome;
    forget();
    note_refind();
    return attempt(look, use);
  }
  template <typename Look, typename Use>
  auto attempt(const Look& look, const Use& use)
      -> std::invoke_result_t<Use, pkcs11::ObjectHandle> {
    const pkcs11::ObjectHandle handle = TRY(look());
    return use(handle);
  }

  Result<pkcs11::ObjectHandle> find_wrapped(const keys::Key& key, const keys::KeyVersion& version);
  Result<pkcs11::SessionObject> unwrap(const keys::Key& key, const keys::KeyVersion& version);
  Result<pkcs11::SessionObject> unwrap_under(pkcs11::ObjectHandle kek,
                                             const keys::Algorithm& algorithm, ByteView material);
  // Fails where the KEK does not unwrap even what it wraps just now.
  Result<void> prove(pkcs11::ObjectHandle kek, pkcs11::KekKind kind);

  pkcs11::Session& session_;
  WorkingKeyMeter* meter_;  // null: nobody counts
  std::map<VersionId, pkcs11::ObjectHandle> handles_;
  Recent<VersionId, pkcs11::SessionObject> working_;
  std::uint64_t refinds_ = 0;
};

}  // namespace kw::crypto
