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

// Has the token unwrap a key and use it, and looks for the key's bytes in this process's memory. A
// key that is found there is guarded by nothing but the process. The key goes in wrapped, so that
// what a library leaves of its messages to a device is not taken for the key.
MemoryFinding look_for_keys(Lab& lab);

}  // namespace kw::doctor
