// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <string>

// What PKCS#11 3.0 adds and p11-kit 0.24's header lacks.
#ifndef CKR_AEAD_DECRYPT_FAILED
#define CKR_AEAD_DECRYPT_FAILED (0x35UL)
#endif
#ifndef CKR_TOKEN_RESOURCE_EXCEEDED
#define CKR_TOKEN_RESOURCE_EXCEEDED (0x201UL)
#endif
#ifndef CKR_OPERATION_CANCEL_FAILED
#define CKR_OPERATION_CANCEL_FAILED (0x202UL)
#endif

namespace kw::pkcs11 {

// Cryptoki is a loaded module's function table. Other headers of this room only name it, so that
// no other room meets a CK_ name.
struct Cryptoki {
  CK_FUNCTION_LIST* call = nullptr;
};

// The text of a fixed field that is padded with blanks, or with zeros by tokens that err.
template <std::size_t N>
std::string padded_text(const unsigned char (&field)[N]) {
  std::string text(field, field + N);
  text.erase(text.find_last_not_of(std::string(" \0", 2)) + 1);
  return text;
}

}  // namespace kw::pkcs11
