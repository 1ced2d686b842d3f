// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "pkcs11/session.h"
#include "service/keys/key.h"

namespace kw::crypto {

// What a check asks a key to sign or MAC.
inline constexpr std::string_view kCheckText = "keyward/check/v1";

// Whether the key behind `handle` is the version that the catalog knows: a secret key by its check
// value, a private key by a signature that the kept public half verifies.
// Errors: Internal (another key), and the token's own.
Result<void> check_identity(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                            const keys::Algorithm& algorithm, const keys::KeyVersion& version);

}  // namespace kw::crypto
