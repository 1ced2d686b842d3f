// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "service/audit_verify/segment_reader.h"
#include "service/audit_verify/tree_hasher.h"
#include "service/audit_verify/tree_root.h"
#include "service/audit_verify/verify.h"

namespace kw::audit_verify {

// Place is where a walk stood, in front of the record `next`.
struct Place {
  std::uint64_t segment = 0;  // the index of its first record
  std::uint64_t offset = 0;   // in the segment; 0: in front of its header
  std::uint64_t next = 0;
  Sha256Digest previous_leaf{};
  bool is_sealed = false;
};

// Walk goes through segments in order and checks each byte. Its verdict is Good until a fault ends
// the walk.
class Walk {
 public:
  // Both must outlive it.
  explicit Walk(const OnRecord& callback, std::span<const SignedHead> heads = {})
      : callback_(callback), heads_(heads) {}

  // Where the walk begins, if not at the first record of all: at a segment's first record, whatever
  // it continues; or where another walk stood.
  void begin_within(std::uint64_t first_index);
  void begin_at(const Place& place);

  // Walks from the segment of that number on, and into those that a running writer adds meanwhile.
  // Errors: Unavailable.
  Result<void> go(const Folders& folders, std::vector<Segment> segments, std::size_t from);
  Result<void> segment(const Segment& segment, bool is_last);

  void fault(Finding finding, std::uint64_t offset, std::string what);
  // A signed record was durable: no crash takes it away.
  void compare_with_end();

  bool goes_on() const { return verdict_.finding == Finding::Good && !stopped_; }
  bool ended_sealed() const { return goes_on() && place_.is_sealed; }
  std::uint64_t next_index() const { return place_.next; }
  Verdict verdict() const;

  // Where it stands, and where it stood in front of the last record.
  const Place& place() const { return place_; }
  const Place& place_before() const { return before_; }

 private:
  Result<void> wrong_or_error(const Error& error, std::uint64_t offset);
  void check_header(const Header& header, const Segment& segment);
  Result<void> enter(SegmentReader& reader, const Segment& segment);
  void record(ByteView payload);
  void compare_with_heads();
  Result<void> end_of_segment(SegmentReader& reader, bool is_last);

  const OnRecord& callback_;
  const std::span<const SignedHead> heads_;
  TreeHasher hasher_;
  TreeRoot tree_;
  DecodedRecord record_;
  Verdict verdict_;
  Place place_;
  Place before_;
  std::optional<Place> wanted_;  // in the first segment
  bool knows_previous_ = true;
  bool stopped_ = false;
};

}  // namespace kw::audit_verify
