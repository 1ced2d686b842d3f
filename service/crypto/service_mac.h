// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// The MACs that the service makes for itself, HMAC-SHA256 under a service key made by
// create_version and used for nothing else. There are two kinds of service key (docs/adr/0004):
//   xaes-256-gcm   it can do nothing but derive; the token derives a session key for each purpose,
//                  once per bench, and MACs the message with it
//   hmac-sha256    where the token derives nothing; the token MACs the purpose's label, 0x00 and
//                  the message's SHA-256
// Errors: Unavailable, Internal.
Result<Bytes> service_mac(Workbench& bench, const keys::Key& service_key, Version version,
                          MacPurpose purpose, ByteView message);

// The MAC of a canonical context, which the audit log keeps in the context's place.
Result<Bytes> context_mac(Workbench& bench, const keys::Key& service_key, Version version,
                          const Context& context);

}  // namespace kw::crypto
