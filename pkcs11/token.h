// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/secret.h"
#include "pkcs11/module.h"
#include "pkcs11/session.h"
#include "pkcs11/slots.h"
#include "pkcs11/uri.h"

namespace kw::pkcs11 {

// The one initialised token that `uri` names, without a session or a login.
// Errors: Unavailable (no such token), FailedPrecondition (several match).
Result<TokenSlot> find_token(const Module& module, const TokenUri& uri);

// Token is one logged-in token. The login belongs to the process and hangs on one session, the
// anchor, that is lent to nobody; closing it is the only logout. The Token and every session that
// was opened from it keep the login alive, and with it the module: C_Finalize comes after the last
// of them, so no session ever meets a module that was initialized anew. Safe for concurrent use.
class Token {
 public:
  // Opens the one token that `uri` names and logs in with one C_Login; a refused PIN is not tried
  // again, and being logged in already is success. Where `known` is given, a token of another
  // label, model or serial is refused before the login. Errors: Unavailable (no such token; the PIN
  // was refused: RvClass::Latch; the token is down), FailedPrecondition (several tokens match; it
  // is another one).
  static Result<std::unique_ptr<Token>> open(std::shared_ptr<Module> module, const TokenUri& uri,
                                             const Secret& pin,
                                             const TokenIdentity* known = nullptr);

  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  ~Token() = default;

  // A new read-write session. Errors: Unavailable.
  Result<Session> open_session() const;

  const TokenIdentity& identity() const noexcept { return identity_; }
  const Module& module() const noexcept { return *module_; }

  // Expires with the last session and the Token itself: when the module was finalized.
  std::weak_ptr<const Module> watch() const noexcept { return module_; }

 private:
  Token(std::shared_ptr<Module> module, unsigned long slot, TokenIdentity identity, Session anchor);

  std::shared_ptr<Module> module_;
  unsigned long slot_;
  TokenIdentity identity_;
  std::shared_ptr<const Session> anchor_;
};

}  // namespace kw::pkcs11
