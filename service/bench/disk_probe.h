// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/result.h"
#include "service/bench/sample.h"

namespace kw::bench {

// What the disk under `folder` takes for what the audit log does: overwrite a page of zeros, then
// fdatasync, one after the other for `span`. Leaves nothing behind. Errors: Unavailable.
Result<Sample> probe_disk(const std::filesystem::path& folder, Clock::duration span);

}  // namespace kw::bench
