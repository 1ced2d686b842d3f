// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit_verify/segment_source.h"

namespace kw::audit_verify {

// Header is a segment's first 64 bytes, taken apart.
struct Header {
  std::uint64_t first_index = 0;
  Sha256Digest previous_leaf{};
};

// Frame is what stands at the reader's place.
struct Frame {
  enum class Kind {
    Good,  // length and checksum fit: `payload` is valid until the reader moves
    End,   // nothing but zeros from here on, or nothing at all
    Bad,   // `what` is wrong with it
  };
  Kind kind = Kind::End;
  ByteView payload;
  std::string_view what;
};

// SegmentReader walks one segment, compressed or not, through a window, so that memory stays small.
// Errors of the file system are Unavailable, those of compressed bytes InvalidArgument.
class SegmentReader {
 public:
  // Errors: InvalidArgument if this is no regular file.
  static Result<SegmentReader> open(const Segment& segment);

  // The header; the place is behind it then. Errors: InvalidArgument if it is none.
  Result<Header> read_header();

  // What stands at the place. A running writer may have been half-way through it: a bad frame is
  // read a second time from the file before it is called bad.
  Result<Frame> look();

  // Moves to a place of before.
  Result<void> go_to(std::uint64_t offset) { return load(offset); }

  // Moves behind the good frame that look() gave.
  void skip(const Frame& frame) noexcept;

  // Whether a good frame begins anywhere behind the place.
  Result<bool> has_good_frame_behind();

  // Whether the segment ends at the place, without zeros.
  Result<bool> is_at_end_of_file();

  std::uint64_t offset() const noexcept { return window_offset_ + place_; }

 private:
  explicit SegmentReader(SegmentSource source);
  Result<void> load(std::uint64_t offset);
  Result<void> fill();
  Result<void> slide();
  Result<ByteView> peek(std::size_t wanted);
  Result<Frame> look_once();
  Result<Frame> look_at_end();

  SegmentSource source_;
  Bytes window_;
  std::uint64_t window_offset_ = 0;  // in the segment
  std::size_t filled_ = 0;
  std::size_t place_ = 0;  // in the window
};

}  // namespace kw::audit_verify
