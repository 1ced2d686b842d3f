// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/segment_reader.h"

#include <algorithm>
#include <span>

#include "base/crc32c.h"

namespace kw::audit_verify {
namespace {

constexpr std::size_t kWindow = 256u << 10;
constexpr std::size_t kHeaderSize = 64;
constexpr std::size_t kHead = 8;
constexpr std::size_t kMinPayload = 46;
constexpr std::size_t kMaxPayload = 4096;
constexpr std::string_view kMagic("kwaudit\x01", 8);

constexpr std::string_view kTornFrame = "bytes that are no record";

Frame bad(std::string_view what) { return {Frame::Kind::Bad, {}, what}; }

Frame frame_in(ByteView bytes) {
  if (bytes.size() < kHead) return bad(kTornFrame);
  const std::size_t length = read_u32(bytes);
  if (length < kMinPayload || length > kMaxPayload) return bad("a length that no record has");
  if (length > bytes.size() - kHead) return bad("a record cut short");
  const ByteView payload = bytes.subspan(kHead, length);
  if (crc32c(payload) != read_u32(bytes.subspan(4))) return bad("a checksum that does not fit");
  return {Frame::Kind::Good, payload, {}};
}

// The start of every payload: cheap to test before a checksum is computed.
bool looks_like_frame(ByteView bytes) {
  return bytes.size() >= kHead + 3 && bytes[kHead] == 0x01 && bytes[kHead + 1] == 0x00 &&
         bytes[kHead + 2] == 0x08;
}

}  // namespace

SegmentReader::SegmentReader(SegmentSource source) : source_(std::move(source)), window_(kWindow) {}

Result<SegmentReader> SegmentReader::open(const Segment& segment) {
  SegmentSource source = TRY(SegmentSource::open(segment));
  SegmentReader reader(std::move(source));
  TRY(reader.load(0));
  return reader;
}

Result<void> SegmentReader::load(std::uint64_t offset) {
  window_offset_ = offset;
  filled_ = place_ = 0;
  return fill();
}

Result<void> SegmentReader::fill() {
  filled_ += TRY(source_.read_at(window_offset_ + filled_, std::span(window_).subspan(filled_)));
  return {};
}

// Keeps what is not read yet: a compressed segment cannot be read twice for nothing.
Result<void> SegmentReader::slide() {
  std::copy(window_.begin() + static_cast<std::ptrdiff_t>(place_),
            window_.begin() + static_cast<std::ptrdiff_t>(filled_), window_.begin());
  window_offset_ += place_;
  filled_ -= place_;
  place_ = 0;
  return fill();
}

Result<ByteView> SegmentReader::peek(std::size_t wanted) {
  if (filled_ - place_ < wanted && filled_ == window_.size()) TRY(slide());
  return ByteView(window_).subspan(place_, std::min(wanted, filled_ - place_));
}

Result<Header> SegmentReader::read_header() {
  const ByteView bytes = TRY(peek(kHeaderSize));
  if (bytes.size() < kHeaderSize) TRY(source_.check());
  if (bytes.size() < kHeaderSize) return Error(Code::InvalidArgument, "a header cut short");
  if (as_text(bytes.first(kMagic.size())) != kMagic) {
    return Error(Code::InvalidArgument, "no header of version 1");
  }
  const ByteView reserved = bytes.subspan(48, 12);
  const bool zeros = std::all_of(reserved.begin(), reserved.end(), [](auto b) { return b == 0; });
  if (!zeros || crc32c(bytes.first(60)) != read_u32(bytes.subspan(60))) {
    return Error(Code::InvalidArgument, "a header that does not fit its checksum");
  }
  Header header;
  header.first_index = read_u64(bytes.subspan(8));
  std::copy_n(bytes.begin() + 16, header.previous_leaf.size(), header.previous_leaf.begin());
  place_ += kHeaderSize;
  return header;
}

Result<Frame> SegmentReader::look() {
  Frame frame = TRY(look_once());
  if (frame.kind == Frame::Kind::Bad) {
    TRY(load(offset()));
    frame = TRY(look_once());
  }
  if (frame.kind != Frame::Kind::Good) TRY(source_.check());
  return frame;
}

Result<Frame> SegmentReader::look_once() {
  const ByteView bytes = TRY(peek(kHead + kMaxPayload));
  if (bytes.size() < 4 || read_u32(bytes) == 0) return look_at_end();
  return frame_in(bytes);
}

// Zeros end a segment, if all that follows is zeros too.
Result<Frame> SegmentReader::look_at_end() {
  const std::uint64_t start = offset();
  bool zeros = true;
  for (;;) {
    const ByteView rest = ByteView(window_).subspan(place_, filled_ - place_);
    zeros = std::all_of(rest.begin(), rest.end(), [](auto byte) { return byte == 0; });
    if (!zeros || filled_ < window_.size()) break;
    TRY(load(window_offset_ + filled_));
  }
  TRY(source_.check());
  TRY(load(start));
  return zeros ? Frame{} : bad(kTornFrame);
}

void SegmentReader::skip(const Frame& frame) noexcept { place_ += kHead + frame.payload.size(); }

Result<bool> SegmentReader::has_good_frame_behind() {
  const std::uint64_t start = offset();
  bool found = false;
  for (;;) {
    const ByteView bytes = TRY(peek(kHead + kMaxPayload));
    if (bytes.size() < kHead + kMinPayload) break;
    found = looks_like_frame(bytes) && frame_in(bytes).kind == Frame::Kind::Good;
    if (found) break;
    ++place_;
  }
  TRY(load(start));
  return found;
}

Result<bool> SegmentReader::is_at_end_of_file() {
  TRY(load(offset()));
  return filled_ == 0;
}

}  // namespace kw::audit_verify
