// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "service/audit/segment.h"
#include "service/audit/tree.h"

namespace kw::audit {

// Finds where a log goes on that has these segments, at least one, and grows `tree`, which is
// empty, over its records: from tiles, and from segments where no tile holds them. Nothing in the
// log is changed; damage that no checkpoint covers is copied to a file beside its segment before
// anybody cuts it (docs/audit-format.md, "After a crash"). Errors: Internal (damaged, or not the
// log whose head was signed), Unavailable.
Result<SegmentTail> recover_log(const std::vector<std::filesystem::path>& segments,
                                const std::optional<TreeHead>& signed_head, Tree& tree);

}  // namespace kw::audit
