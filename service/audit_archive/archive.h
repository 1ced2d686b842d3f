// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/result.h"
#include "service/audit_archive/archive_calls.h"

namespace kw::audit_archive {

// Retention says which sealed segments stay with the service: none if it says nothing. The last
// segment always stays, and so does one that no checkpoint covers yet: from the tiles that stand
// behind a checkpoint the service knows the records that were moved.
struct Retention {
  std::optional<std::uint64_t> before;  // those with a record at this time or later, microseconds
  std::size_t keep = 1;                 // so many of the newest, the last one counted
};

// Moved is what an archive run did, all of it durable.
struct Moved {
  std::size_t segments = 0;
  std::uint64_t first_index = 0;  // of the first record that was moved
  std::uint64_t next_index = 0;   // of the first that was not
};

// Moves sealed segments from a log's folder into another one (made if absent) and compresses them;
// nothing else in the log's folder is touched, and the service may run meanwhile. A segment is
// checked first, then written, made durable and compared before it is removed, so that at every
// moment its records are in one folder or in both. What a run that was cut short left undone is
// done by the next. Errors: NotFound (no such folder, no segment in it), FailedPrecondition (the
// archive is not the run of segments before the log's first one; an archive run is under way),
// Internal (a segment is damaged, or differs from the one in the archive; it stays where it is),
// Unavailable. Segments that were moved before an error stay moved.
Result<Moved> archive(const std::filesystem::path& log, const std::filesystem::path& to,
                      const Retention& retention, const ArchiveCalls& calls = system_calls());

}  // namespace kw::audit_archive
