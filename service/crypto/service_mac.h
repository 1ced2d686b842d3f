// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/context.h"
#include "base/names.h"
#include "service/crypto/workbench.h"

namespace kw::crypto {

// HMAC-SHA256 with a session key that the token derives from a service key: an AES key with the
// profile of xaes-256-gcm (it can do nothing but derive), made by create_version and used for
// nothing else. Derived once per bench and purpose. Errors: Unavailable, Internal.
Result<Bytes> service_mac(Workbench& bench, const KeyId& service_key, Version version,
                          MacPurpose purpose, ByteView message);

// The MAC of a canonical context, which the audit log keeps in the context's place.
Result<Bytes> context_mac(Workbench& bench, const KeyId& service_key, Version version,
                          const Context& context);

}  // namespace kw::crypto
