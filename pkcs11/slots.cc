// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/slots.h"

#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"

namespace kw::pkcs11 {
namespace {

// A slot that is filled between the two calls makes the second answer CKR_BUFFER_TOO_SMALL.
Result<std::vector<CK_SLOT_ID>> list_slots(const Cryptoki& cryptoki) {
  std::vector<CK_SLOT_ID> slots;
  CK_RV rv = CKR_BUFFER_TOO_SMALL;
  for (int attempt = 0; attempt < 3 && rv == CKR_BUFFER_TOO_SMALL; ++attempt) {
    CK_ULONG count = 0;
    rv = cryptoki.call->C_GetSlotList(CK_TRUE, nullptr, &count);
    if (rv == CKR_OK && count > 0) {
      slots.resize(count);
      rv = cryptoki.call->C_GetSlotList(CK_TRUE, slots.data(), &count);
      slots.resize(rv == CKR_OK ? count : 0);
    }
  }
  if (rv != CKR_OK) {
    return fail(rv, "C_GetSlotList");
  }
  return slots;
}

bool has_gone(CK_RV rv) noexcept {
  return rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED || rv == CKR_SLOT_ID_INVALID;
}

}  // namespace

Result<std::vector<TokenSlot>> list_tokens(const Module& module) {
  std::vector<TokenSlot> tokens;
  for (const CK_SLOT_ID slot : TRY(list_slots(module.cryptoki()))) {
    CK_TOKEN_INFO info{};
    const CK_RV rv = module.cryptoki().call->C_GetTokenInfo(slot, &info);
    if (has_gone(rv)) {
      continue;
    }
    if (rv != CKR_OK) {
      return fail(rv, "C_GetTokenInfo");
    }
    tokens.push_back({slot,
                      {padded_text(info.label), padded_text(info.manufacturerID),
                       padded_text(info.model), padded_text(info.serialNumber)},
                      (info.flags & CKF_TOKEN_INITIALIZED) != 0});
  }
  return tokens;
}

}  // namespace kw::pkcs11
