// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"

// The values of keys that a service uses and cannot read, read by a test from a copy of its files.
namespace kw::residency {

// KnownKey is a key with what is secret of it, by the standard's names: "VALUE", "PRIME_1".
struct KnownKey {
  std::string label;  // of the token's object; of a wrapped key its name and version, "NAME#1"
  std::map<std::string, std::string> parts;
};

// Every secret and private key of SoftHSM's token "keyward". In a copy of the token's files they
// are turned into keys that may be read: the test fails where one was not SENSITIVE or was
// EXTRACTABLE. SoftHSM is loaded into this process meanwhile, and no other module may be.
std::vector<KnownKey> keys_of_token(const std::filesystem::path& tokens, const std::string& pin);

// Every wrapped key of a catalog: unwrapped by OpenSSL with the one of `keys` that opens it.
std::vector<KnownKey> keys_of_catalog(const std::filesystem::path& catalog,
                                      const std::vector<KnownKey>& keys);

// Ends the test if there is none with that label.
const KnownKey& find_known(const std::vector<KnownKey>& keys, const std::string& label);

// Whether a SubjectPublicKeyInfo is that of the private key, as OpenSSL computes it.
bool is_pair(const KnownKey& key, ByteView public_key);

}  // namespace kw::residency
