// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace kw::crash {

// Options of one run. tests/crash/run hands them over in the environment; ctest sets nothing and
// gets the short form. The seed is printed, so that a run can be made again.
struct Options {
  std::uint64_t count = 0;  // KEYWARD_CRASH_COUNT, or `short_form`
  std::uint64_t seed = 0;   // KEYWARD_CRASH_SEED, or a fresh one
};

// Reads them and prints the line that starts a run: "NAME: COUNT rounds, seed SEED".
Options options(const std::string& name, std::uint64_t short_form);

}  // namespace kw::crash
