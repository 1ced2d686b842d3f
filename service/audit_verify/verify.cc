// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/verify.h"

#include <algorithm>

#include "service/audit_verify/walk.h"

namespace kw::audit_verify {

Error fault_of(const Verdict& verdict) {
  return Error(Code::Internal, verdict.file.string() + ", byte " + std::to_string(verdict.offset) +
                                   ": " + verdict.what);
}

Result<Verdict> verify(const Folders& folders, const std::vector<SignedHead>& heads) {
  const std::vector<Segment> segments = TRY(list_segments(folders));
  const OnRecord no_callback;
  Walk walk(no_callback, heads);
  if (segments.empty()) {
    walk.fault(Finding::Truncated, 0, "no segment at all");
  } else if (segments[0].first_index != 0) {
    walk.fault(Finding::Truncated, 0, "the log begins with " + segments[0].path.string());
  }
  TRY(walk.go(folders, segments, 0));
  if (walk.ended_sealed()) walk.fault(Finding::Truncated, 0, "no segment after the last seal");
  walk.compare_with_end();
  return walk.verdict();
}

Result<SealedSegment> check_sealed(const Segment& segment) {
  SealedSegment sealed;
  const OnRecord note = [&](const DecodedRecord& record) {
    const Field* time = record.find("time");
    if (time != nullptr) sealed.latest_time = std::max(sealed.latest_time, time->number);
    if (record.index == segment.first_index) {
      std::copy(record.previous_leaf.begin(), record.previous_leaf.end(),
                sealed.previous_leaf.begin());
    }
    return true;
  };
  Walk walk(note);
  walk.begin_within(segment.first_index);
  TRY(walk.segment(segment, false));
  const Verdict verdict = walk.verdict();
  if (verdict.finding != Finding::Good) return fault_of(verdict);
  sealed.next_index = walk.next_index();
  sealed.last_leaf = verdict.last_leaf;
  return sealed;
}

}  // namespace kw::audit_verify
