// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace kw::residency {

// Flag is a yes or no in SoftHSM's file of an object.
struct Flag {
  std::string name;  // "EXTRACTABLE"; "UNWRAP_TEMPLATE/SIGN" of one in a template
  bool value;
  std::size_t at;  // where its byte stands
};

// Every flag of the file, in its order: the file is read to its end or the test fails.
std::vector<Flag> flags_of(const std::filesystem::path& file);

// Writes the file with that flag turned, and with the next generation: a SoftHSM that has the
// object in memory takes the file for newer.
void flip(const std::filesystem::path& file, const Flag& flag);

// Whether SoftHSM 2.6.1 ends the process by SIGSEGV when it signs with a key whose flag was turned:
// with CKA_PRIVATE off it takes the encrypted CKA_EC_PARAMS of an Edwards key for what they are,
// and reads through a null pointer (OSSL::byteString2oid) where they begin like a PrintableString,
// as those of one key in 128 do.
bool is_deadly(const std::filesystem::path& file, const Flag& flag);

// Lets an Edwards key's file be one of those. For a token that nobody uses.
void make_deadly(const std::filesystem::path& file);

// CKA_ID as it stands in the file: encrypted, where CKA_PRIVATE is on.
Bytes id_on_disk(const std::filesystem::path& file);

// The files of all objects in a token's folder, but for the token's own.
std::set<std::filesystem::path> object_files(const std::filesystem::path& folder);

}  // namespace kw::residency
