// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"

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

// SegmentReader walks one segment file through a window, so that memory stays small. Errors of the
// file system are Unavailable.
class SegmentReader {
 public:
  // Errors: InvalidArgument if this is no regular file.
  static Result<SegmentReader> open(const std::filesystem::path& path);

  // The header; the place is behind it then. Errors: InvalidArgument if it is none.
  Result<Header> read_header();

  // What stands at the place. A running writer may have been half-way through it: a bad frame is
  // read a second time from the file before it is called bad.
  Result<Frame> look();

  // Moves behind the good frame that look() gave.
  void skip(const Frame& frame) noexcept;

  // Whether a good frame begins anywhere behind the place.
  Result<bool> has_good_frame_behind();

  // Whether the file ends at the place, without zeros.
  Result<bool> is_at_end_of_file();

  std::uint64_t offset() const noexcept { return window_offset_ + place_; }

 private:
  explicit SegmentReader(FileDescriptor file);
  Result<void> load(std::uint64_t offset);
  Result<ByteView> peek(std::size_t wanted);
  Result<Frame> look_once();
  Result<Frame> look_at_end();

  FileDescriptor file_;
  Bytes window_;
  std::uint64_t window_offset_ = 0;  // in the file
  std::size_t filled_ = 0;
  std::size_t place_ = 0;  // in the window
};

}  // namespace kw::audit_verify
