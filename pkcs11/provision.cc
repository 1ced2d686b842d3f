// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/provision.h"

#include <algorithm>
#include <array>

#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"
#include "pkcs11/session.h"
#include "pkcs11/slots.h"

namespace kw::pkcs11 {
namespace {

// CK_UTF8CHAR_PTR is not const in PKCS#11, though no function writes through it.
unsigned char* pin_of(const Secret& pin) { return const_cast<unsigned char*>(pin.reveal().data()); }

Result<unsigned long> find_blank_slot(const Module& module) {
  const std::vector<TokenSlot> tokens = TRY(list_tokens(module));
  const auto blank = std::ranges::find(tokens, false, &TokenSlot::initialized);
  if (blank == tokens.end()) {
    return Error(Code::FailedPrecondition, "the module has no uninitialized token");
  }
  return blank->slot;
}

// Ends with its session, and so does the security officer's login.
Result<void> set_user_pin(const std::shared_ptr<Module>& module, unsigned long slot,
                          const Secret& so_pin, const Secret& user_pin) {
  const Session session = TRY(Session::open(module, slot));
  const CK_FUNCTION_LIST& call = *module->cryptoki().call;
  CK_RV rv = call.C_Login(session.handle(), CKU_SO, pin_of(so_pin), so_pin.size());
  if (rv != CKR_OK) {
    return fail(rv, "C_Login");
  }
  rv = call.C_InitPIN(session.handle(), pin_of(user_pin), user_pin.size());
  if (rv != CKR_OK) {
    return fail(rv, "C_InitPIN");
  }
  return {};
}

}  // namespace

Result<void> initialise_token(const std::shared_ptr<Module>& module, std::string_view label,
                              const Secret& so_pin, const Secret& user_pin) {
  std::array<unsigned char, 32> padded{};
  padded.fill(' ');
  if (label.empty() || label.size() > padded.size()) {
    return Error(Code::InvalidArgument, "a token label has 1 to 32 bytes");
  }
  std::ranges::copy(label, padded.begin());
  const unsigned long slot = TRY(find_blank_slot(*module));
  const CK_RV rv =
      module->cryptoki().call->C_InitToken(slot, pin_of(so_pin), so_pin.size(), padded.data());
  if (rv != CKR_OK) {
    return fail(rv, "C_InitToken");
  }
  return set_user_pin(module, slot, so_pin, user_pin);
}

}  // namespace kw::pkcs11
