// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// HMAC in the token, of the key's algorithm. Errors: Unavailable, Internal.
Result<Bytes> mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView message);

// Whether `claimed` is the whole MAC of `message`: computed again and compared in constant time.
Result<bool> verify_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                        ByteView message, ByteView claimed);

}  // namespace kw::crypto
