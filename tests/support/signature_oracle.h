// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

// OpenSSL's own signatures and MACs, through its one-shot EVP calls on whole messages: the service
// never makes those, so the two share no path.
namespace kw::test::signature_oracle {

// The scheme is an algorithm's name as the API has it: "ecdsa-p256-sha256".
bool verifies(std::string_view scheme, ByteView public_key, ByteView message, ByteView signature);

struct Signed {
  Bytes public_key;  // SubjectPublicKeyInfo, DER
  Bytes signature;   // ECDSA: DER
};
// Signs with a fresh key. A salt length other than the hash's is for RSA-PSS alone.
Signed sign(std::string_view scheme, ByteView message, int salt_length = -1);

// r and s of a DER signature, side by side.
Bytes raw_of(ByteView der, std::size_t width);
// The other signature of the same r: (r, n - s).
Bytes with_other_s(ByteView der, ByteView public_key);
// Whether s is in the lower half of the curve's order.
bool has_low_s(ByteView der, ByteView public_key);

Bytes hmac(std::string_view digest, ByteView key, ByteView message);
Bytes hash(std::string_view digest, ByteView message);

}  // namespace kw::test::signature_oracle
