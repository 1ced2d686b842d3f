// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kw::keys {

// Purpose is the one thing that a key may be used for.
enum class Purpose { Wrap, Mac, Sign };
enum class Family { Aes, Hmac, RsaPss, RsaPkcs1, Ecdsa, Ed25519 };
enum class Hash { None, Sha256, Sha384, Sha512 };

// Sealing is how a wrap key's blobs are made, which is their suite (docs/envelope-format.md): under
// keys that the token derives (suite 1), under the key itself with counted nonces (suite 2), under
// keys of messages in host memory (suite 3).
enum class Sealing { None, Derived, Counted, OnHost };

// Algorithm is one row of the registry. Rows live as long as the process: compare by address.
struct Algorithm {
  std::string_view name;  // the API's word
  Purpose purpose;
  Family family;
  Hash hash;              // None: the algorithm hashes inside (Ed25519) or not at all (AES)
  std::uint16_t bits;     // of the secret key, the RSA modulus or the curve's field
  std::string_view jose;  // the JWS name (RFC 7518, RFC 8037); empty where none exists
  Sealing sealing = Sealing::None;
};

// All rows, in the order of the documentation.
std::span<const Algorithm> algorithms() noexcept;

// The row of a name, byte for byte; null if there is none.
const Algorithm* find_algorithm(std::string_view name) noexcept;

std::string_view name_of(Purpose purpose) noexcept;

// Whether keys of messages stand in the service's memory while it works: only where configuration
// and policy name it.
bool works_on_host(const Algorithm& algorithm) noexcept;

}  // namespace kw::keys
