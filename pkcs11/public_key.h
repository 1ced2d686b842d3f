// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pkcs11/profile.h"

namespace kw::pkcs11 {

// The public half of a pair as SubjectPublicKeyInfo (RFC 5280; 8017, 5480, 8410), DER. A point that
// is not on its curve and a modulus of another size are refused.
// Errors: Internal (not a key of this profile), and the token's own.
Result<Bytes> public_key(Session& session, ObjectHandle public_half, Profile profile);

}  // namespace kw::pkcs11
