// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "pkcs11/module.h"
#include "pkcs11/uri.h"

namespace kw::pkcs11 {

// TokenSlot is a slot with a token in it. Slot numbers change: never store one.
struct TokenSlot {
  unsigned long slot;
  TokenIdentity identity;
  bool initialized;
};

// Every token of a module. A slot whose token goes away meanwhile is left out. Errors: Unavailable.
Result<std::vector<TokenSlot>> list_tokens(const Module& module);

}  // namespace kw::pkcs11
