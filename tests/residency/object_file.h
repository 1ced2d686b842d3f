// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

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

// The files of all objects in a token's folder, but for the token's own.
std::set<std::filesystem::path> object_files(const std::filesystem::path& folder);

}  // namespace kw::residency
