// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/names.h"
#include "pkcs11/family.h"
#include "pkcs11/pace.h"
#include "pkcs11/session.h"
#include "service/crypto/counted_nonce.h"
#include "service/crypto/derived_keys.h"
#include "service/crypto/keyring.h"

namespace kw::crypto {

// Workbench is what one executor works with: a session of the token and what it keeps there, in the
// order in which it must end. Not thread-safe; `pace` and `counted` must outlive it. When the
// session is no longer usable the whole bench is: throw it away and make another.
class Workbench {
 public:
  Workbench(pkcs11::Session session, pkcs11::Pace& pace, DerivedLimits limits = {},
            WorkingKeyOptions working = {}, CountedNonces* counted = nullptr)
      : session_(std::move(session)),
        pace_(pace),
        counted_(counted),
        keyring_(session_, working),
        derived_(session_, keyring_, limits) {}
  Workbench(const Workbench&) = delete;
  Workbench& operator=(const Workbench&) = delete;

  bool usable() const { return session_.usable(); }
  pkcs11::Family family() const { return family_of(session_.module().identity()); }

  // Keyring::refinds.
  std::uint64_t refinds() const noexcept { return keyring_.refinds(); }

  // Drops what is kept of one key: for a change of its state.
  void forget(const KeyId& key) {
    keyring_.forget(key);
    derived_.forget(key);
  }

  // The next nonce of suite 2. Errors: those of CountedNonces::draw; Internal (nobody counts here).
  Result<CountedNonce> draw_counted(const KeyId& key, Version version) {
    if (counted_ == nullptr) return Error(Code::Internal, "nobody counts messages at this bench");
    return counted_->draw(key, version);
  }

  // Runs `use`, which works with derived keys of `key`. A token that no longer knows a handle gets
  // them made anew, once.
  template <typename Use>
  auto with_derived(const KeyId& key, Use&& use) -> std::invoke_result_t<Use> {
    auto outcome = use();
    if (outcome || !is_stale(outcome.error())) return outcome;
    forget(key);
    keyring_.note_refind();
    return use();
  }

  pkcs11::Session& session() noexcept { return session_; }
  pkcs11::Pace& pace() noexcept { return pace_; }
  Keyring& keyring() noexcept { return keyring_; }
  DerivedKeys& derived() noexcept { return derived_; }

 private:
  bool is_stale(const Error& error) const noexcept {
    return pkcs11::rv_class(error) == pkcs11::RvClass::Handle && session_.usable();
  }

  pkcs11::Session session_;
  pkcs11::Pace& pace_;
  CountedNonces* counted_;  // null: nobody counts
  Keyring keyring_;
  DerivedKeys derived_;
};

}  // namespace kw::crypto
