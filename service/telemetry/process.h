// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "service/telemetry/page.h"

namespace kw::telemetry {

// ProcessUse is what this process takes from its machine, as the kernel counts it.
struct ProcessUse {
  double cpu_seconds = 0;
  double resident_bytes = 0;
  double open_descriptors = 0;
  double most_descriptors = 0;
};

// The use of this process now, from /proc. Errors: Unavailable.
Result<ProcessUse> read_process_use();

// Memory in use, of the text of /proc/self/statm. Errors: InvalidArgument.
Result<double> parse_resident_pages(std::string_view statm);

// Writes the families that Prometheus' own libraries give every process, under their usual names,
// without the ones that cannot be read. `started` is when the process began.
void describe_process(Page& page, WallTime started);

}  // namespace kw::telemetry
