// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/pace.h"
#include "pkcs11/profile.h"
#include "service/crypto/envelope.h"
#include "service/keys/algorithm.h"

namespace kw::crypto {

// An algorithm of the catalog in the token's words.

pkcs11::Profile profile_of(const keys::Algorithm& algorithm);

// The suite of blobs made with a wrap key.
Suite suite_of(const keys::Algorithm& algorithm);

// The kind of work for the pace: RSA and elliptic curves against all else.
pkcs11::Pace::Kind kind_of(const keys::Algorithm& algorithm) noexcept;

// For keys that sign or MAC.
pkcs11::Mechanism signing_mechanism(const keys::Algorithm& algorithm);

// For an algorithm that has a hash.
pkcs11::Hash token_hash(keys::Hash hash);

// The bytes of the algorithm's hash; 0 where it has none.
std::size_t digest_size(keys::Hash hash) noexcept;

}  // namespace kw::crypto
