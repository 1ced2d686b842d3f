// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/mutex.h"
#include "base/result.h"
#include "service/audit_verify/decoded_record.h"
#include "service/audit_verify/segment_list.h"

namespace kw::audit_verify {

struct Place;

// Yields the records from index `first` on, in order, until the callback says false, the log ends
// or a torn tail begins. Errors: NotFound (no such folder), FailedPrecondition (two files for one
// segment), Unavailable, Internal (a fault that no crash explains; the detail names it).
Result<void> read_records(const Folders& folders, std::uint64_t first, const OnRecord& callback);

// RecordReader does the same page by page. It remembers where the newest pages ended: one that
// begins there goes on, and any other checks its segment from the front. Safe for concurrent use.
class RecordReader {
 public:
  explicit RecordReader(Folders folders);
  ~RecordReader();

  // As read_records.
  Result<void> read(std::uint64_t first, const OnRecord& callback);

 private:
  std::optional<Place> place_of(std::uint64_t record) const;
  void remember(const Place& place);

  const Folders folders_;

  mutable Mutex mutex_;
  std::deque<Place> places_ KW_GUARDED_BY(mutex_);  // the newest in front
};

}  // namespace kw::audit_verify
