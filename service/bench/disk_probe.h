// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"
#include "service/bench/sample.h"

namespace kw::bench {

// What the disk under `folder` takes for what the audit log does: overwrite a page of zeros, then
// fdatasync, one after the other for `span`, with `rest` in between: a disk that is asked now and
// then takes longer than one that is kept busy. Leaves nothing behind. Errors: Unavailable.
Result<Sample> probe_disk(const std::filesystem::path& folder, Clock::duration span,
                          Clock::duration rest = {});

}  // namespace kw::bench
