// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"
#include "service/audit_verify/decoded_record.h"
#include "service/audit_verify/tree_hasher.h"

namespace kw::audit_sinks {

// Feed reads a log's records one after the other from its folder while it is written, and keeps its
// place. It reads the segment that it has open even where that was moved or removed. For one
// thread.
class Feed {
 public:
  using Visit = std::function<void(const audit_verify::DecodedRecord&)>;

  Feed(std::filesystem::path folder, std::uint64_t first);

  // Visits the records from the place on, at most `most`, none from `end` on, which are durable.
  // Errors: Unavailable (a segment cannot be read now; the place is behind what was visited).
  Result<void> read(std::uint64_t end, std::size_t most, const Visit& visit);

  std::uint64_t place() const noexcept { return place_; }
  void move_to(std::uint64_t index);

  // How many records were skipped because no segment holds them any more.
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  Result<void> open_segment(std::uint64_t end);
  Result<void> fill();
  std::optional<ByteView> frame_here() const;
  Result<std::optional<ByteView>> next_payload();
  void leave_segment();

  const std::filesystem::path folder_;
  audit_verify::TreeHasher hasher_;
  audit_verify::DecodedRecord record_;
  std::uint64_t place_;
  std::uint64_t missed_ = 0;

  FileDescriptor segment_;
  std::uint64_t segment_first_ = 0;
  std::uint64_t not_before_ = 0;  // no segment in front of this index is looked at
  std::uint64_t next_ = 0;        // the record at `offset_`
  std::size_t offset_ = 0;        // in the segment
  Bytes window_;
  std::size_t window_offset_ = 0;  // in the segment
};

}  // namespace kw::audit_sinks
