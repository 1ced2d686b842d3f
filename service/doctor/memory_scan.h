// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "service/doctor/lab.h"
#include "service/doctor/report.h"

namespace kw::doctor {

struct MemoryFinding {
  Fact found = Fact::Untried;
  std::string detail;
};

// Brings a key in, uses it, wipes the doctor's own copy, and looks for the key's bytes in this
// process's memory. A key that is found there is guarded by nothing but the process.
MemoryFinding look_for_keys(Lab& lab);

}  // namespace kw::doctor
