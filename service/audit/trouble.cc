// SPDX-License-Identifier: Apache-2.0
#include "service/audit/trouble.h"

#include <algorithm>

namespace kw::audit {

Record record_of(const Trouble& trouble, std::uint64_t there) {
  Record record = system_record(Event::AnswersWithheld);
  const std::uint64_t end = std::min(trouble.end, there);
  record.reason = trouble.reason;
  record.first = trouble.first;
  record.count = end > trouble.first ? end - trouble.first : 0;
  record.refused = trouble.refused;
  record.began = trouble.began;
  return record;
}

Reason reason_of_failure(Code code) noexcept {
  switch (code) {
    case Code::ResourceExhausted:
      return Reason::DiskFull;
    case Code::PermissionDenied:
      return Reason::DiskReadOnly;
    case Code::FailedPrecondition:
      return Reason::FileDisplaced;
    default:
      return Reason::WriteFailed;
  }
}

std::string_view name_of_trouble(Reason reason) noexcept {
  switch (reason) {
    case Reason::DiskFull:
      return "disk full";
    case Reason::DiskReadOnly:
      return "disk read-only";
    case Reason::FileDisplaced:
      return "file displaced";
    case Reason::SyncFailed:
      return "sync failed";
    case Reason::DiskSlow:
      return "disk slow";
    case Reason::SinkDown:
      return "sink down";
    default:
      return "write failed";
  }
}

void Withheld::add(std::uint64_t first, std::uint64_t end) {
  if (first >= end) return;
  ranges_.push_back({first, end});
  if (ranges_.size() <= kKept) return;
  all_below_ = ranges_.front().end;
  ranges_.pop_front();
}

bool Withheld::holds(std::uint64_t index) const noexcept {
  if (index < all_below_) return true;
  return std::any_of(ranges_.begin(), ranges_.end(), [index](const Range& range) {
    return range.first <= index && index < range.end;
  });
}

}  // namespace kw::audit
