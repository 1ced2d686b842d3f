// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/token.h"

#include <utility>

#include "pkcs11/slots.h"

namespace kw::pkcs11 {

Result<TokenSlot> find_token(const Module& module, const TokenUri& uri) {
  std::vector<TokenSlot> matching = TRY(list_tokens(module));
  std::erase_if(matching, [&uri](const TokenSlot& token) {
    return !token.initialized || !uri.matches(token.identity);
  });
  if (matching.empty()) {
    return Error(Code::Unavailable, "no token is " + uri.text());
  }
  if (matching.size() > 1) {
    return Error(Code::FailedPrecondition, std::to_string(matching.size()) + " tokens are " +
                                               uri.text() + "; add the serial to the URI");
  }
  return std::move(matching.front());
}

Token::Token(std::shared_ptr<Module> module, unsigned long slot, TokenIdentity identity,
             Session anchor)
    : module_(std::move(module)),
      slot_(slot),
      identity_(std::move(identity)),
      anchor_(std::move(anchor)) {}

Result<std::unique_ptr<Token>> Token::open(std::shared_ptr<Module> module, const TokenUri& uri,
                                           const Secret& pin) {
  TokenSlot found = TRY(find_token(*module, uri));
  Session anchor = TRY(Session::open(module, found.slot));
  TRY(anchor.login(pin));
  return std::unique_ptr<Token>(
      new Token(std::move(module), found.slot, std::move(found.identity), std::move(anchor)));
}

Result<Session> Token::open_session() const { return Session::open(module_, slot_); }

}  // namespace kw::pkcs11
