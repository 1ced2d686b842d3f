// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// The check value of an HMAC key, whatever its purpose: the MAC of kCheckText. For who holds a
// permit of the pace. Errors: Unavailable, Internal.
Result<Bytes> known_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version);

// HMAC in the token, of the key's algorithm. Errors: PayloadTooLarge, advised (more than this token
// MACs in one call), Unavailable, Internal.
Result<Bytes> mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView message);

// Whether `claimed` is the whole MAC of `message`: computed again and compared in constant time.
Result<bool> verify_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                        ByteView message, ByteView claimed);

}  // namespace kw::crypto
