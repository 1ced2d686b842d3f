// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/file.h"
#include "base/result.h"
#include "service/audit_verify/gzip_stream.h"
#include "service/audit_verify/segment_list.h"

namespace kw::audit_verify {

// A sealed segment, and so what a compressed one holds, is never larger.
constexpr std::uint64_t kMaxSegment = std::uint64_t{64} << 20;

// SegmentSource is a segment's bytes, by their offset in the segment, whether its file is
// compressed or not. Going back in a compressed one costs a start from its front.
class SegmentSource {
 public:
  // Errors: InvalidArgument if this is no regular file, Unavailable.
  static Result<SegmentSource> open(const Segment& segment);

  // Reads until `out` is full or the bytes end; yields how many they are. Errors: Unavailable.
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out);

  // Why the bytes ended before their end. Errors: InvalidArgument if they did: no gzip, cut, or
  // larger than a segment can be.
  Result<void> check() const;

 private:
  explicit SegmentSource(FileDescriptor file) : file_(std::move(file)) {}
  Result<void> skip_to(std::uint64_t offset);

  FileDescriptor file_;
  std::optional<GzipStream> gzip_;
};

}  // namespace kw::audit_verify
