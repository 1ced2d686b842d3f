// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/log_files.h"

namespace kw::crash {

using test::LogFiles;

// Kind is one way to tamper with a log.
enum class Kind { Flip, Cut, Insert, Swap, Duplicate, Splice, RollBack };
inline constexpr std::array kKinds = {Kind::Flip,      Kind::Cut,    Kind::Insert,  Kind::Swap,
                                      Kind::Duplicate, Kind::Splice, Kind::RollBack};
std::string_view name_of(Kind kind);

// Mutates a log at random. `other` is another log, to splice from. What it does may leave the log
// as it was.
void mutate(Kind kind, LogFiles& log, const LogFiles& other, std::mt19937_64& random);

// Place is where a log first differs from what it was.
struct Place {
  std::string file;
  std::size_t offset = 0;   // of the record that was touched, or of the end; 0 for the header
  std::uint64_t index = 0;  // of that record
  bool in_header = false;
};
Place first_difference(const LogFiles& original, const LogFiles& mutant);

}  // namespace kw::crash
