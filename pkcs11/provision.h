// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "base/secret.h"
#include "pkcs11/module.h"

namespace kw::pkcs11 {

// Initializes the first uninitialized token of a module and sets its user PIN. For sandboxes and
// tests: a production token is initialized by its vendor's tool.
// Errors: InvalidArgument (the label is empty or longer than 32 bytes), FailedPrecondition (no
// uninitialized token), and the token's own.
Result<void> initialise_token(const std::shared_ptr<Module>& module, std::string_view label,
                              const Secret& so_pin, const Secret& user_pin);

}  // namespace kw::pkcs11
