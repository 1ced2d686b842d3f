// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/names.h"
#include "pkcs11/return_value.h"
#include "pkcs11/session.h"
#include "service/keys/algorithm.h"

namespace kw::crypto {

// Keyring knows where one session's master keys stand: (key, version) -> object handle. A key is
// found by its CKA_ID, alone, and its attributes are compared with its algorithm's profile before
// its handle is given out. Not thread-safe; `session` must outlive it.
class Keyring {
 public:
  explicit Keyring(pkcs11::Session& session) : session_(session) {}
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;

  // Errors: Unavailable (the token has no such object, or is away), Internal (the object is not
  // what its profile says, or stands there twice).
  Result<pkcs11::ObjectHandle> find(const KeyId& key, Version version,
                                    const keys::Algorithm& algorithm);

  // Runs `use` with the key's handle. A token that no longer knows the handle is asked for the
  // object again, once.
  template <typename Use>
  auto with(const KeyId& key, Version version, const keys::Algorithm& algorithm, Use&& use)
      -> std::invoke_result_t<Use, pkcs11::ObjectHandle>;

  // Takes in a handle whose attributes were just compared by the one who made the object.
  void adopt(const KeyId& key, Version version, pkcs11::ObjectHandle handle);

  // How often an object was asked for anew because its handle was void: who kept what it knew of
  // the object compares again.
  std::uint64_t refinds() const noexcept { return refinds_; }
  void note_refind() noexcept { ++refinds_; }

  // Forgets handles, so that the next find asks the token.
  void forget(const KeyId& key, Version version);
  void forget(const KeyId& key);

 private:
  bool is_stale(const Error& error) const noexcept {
    return pkcs11::rv_class(error) == pkcs11::RvClass::Handle && session_.usable();
  }

  pkcs11::Session& session_;
  std::map<std::pair<KeyId, Version>, pkcs11::ObjectHandle> handles_;
  std::uint64_t refinds_ = 0;
};

template <typename Use>
auto Keyring::with(const KeyId& key, Version version, const keys::Algorithm& algorithm, Use&& use)
    -> std::invoke_result_t<Use, pkcs11::ObjectHandle> {
  auto outcome = use(TRY(find(key, version, algorithm)));
  if (outcome || !is_stale(outcome.error())) return outcome;
  forget(key, version);
  note_refind();
  return use(TRY(find(key, version, algorithm)));
}

}  // namespace kw::crypto
