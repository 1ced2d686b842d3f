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

namespace {

// A token of the same label is not the same token.
Result<void> check_same(const TokenIdentity& found, const TokenIdentity& known) {
  const bool same =
      found.label == known.label && found.model == known.model && found.serial == known.serial;
  if (same) return {};
  return Error(Code::FailedPrecondition, "another token is there: " + found.label + ", serial " +
                                             found.serial + " instead of " + known.label +
                                             ", serial " + known.serial);
}

}  // namespace

Token::Token(std::shared_ptr<Module> module, unsigned long slot, TokenIdentity identity,
             Session anchor)
    : module_(std::move(module)),
      slot_(slot),
      identity_(std::move(identity)),
      anchor_(std::make_shared<const Session>(std::move(anchor))) {}

Result<std::unique_ptr<Token>> Token::open(std::shared_ptr<Module> module, const TokenUri& uri,
                                           const Secret& pin, const TokenIdentity* known) {
  TokenSlot found = TRY(find_token(*module, uri));
  if (known != nullptr) TRY(check_same(found.identity, *known));
  Session anchor = TRY(Session::open(module, found.slot));
  TRY(anchor.login(pin));
  return std::unique_ptr<Token>(
      new Token(std::move(module), found.slot, std::move(found.identity), std::move(anchor)));
}

Result<Session> Token::open_session() const {
  Session session = TRY(Session::open(module_, slot_));
  session.anchor_ = anchor_;
  return session;
}

}  // namespace kw::pkcs11
