// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/feed.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "base/crc32c.h"
#include "service/audit_verify/segment_list.h"

namespace kw::audit_sinks {
namespace {

using audit_verify::Segment;

constexpr std::size_t kHeader = 64;
constexpr std::size_t kFrameHead = 8;
constexpr std::size_t kIndexAt = 3;
constexpr std::size_t kLeastPayload = 46;
constexpr std::size_t kMostPayload = 4096;
constexpr std::size_t kWindow = 128u << 10;

}  // namespace

Feed::Feed(std::filesystem::path folder, std::uint64_t first)
    : folder_(std::move(folder)), place_(first) {}

void Feed::move_to(std::uint64_t index) {
  if (index == place_) return;
  place_ = index;
  not_before_ = 0;
  segment_ = FileDescriptor();
}

Result<void> Feed::read(std::uint64_t end, std::size_t most, const Visit& visit) {
  std::size_t visited = 0;
  while (place_ < end && visited < most) {
    if (!segment_.is_open()) {
      TRY(open_segment(end));
      continue;
    }
    const std::optional<ByteView> payload = TRY(next_payload());
    if (!payload || !audit_verify::decode_payload(*payload, record_)) {
      leave_segment();
      continue;
    }
    record_.leaf = hasher_.leaf(*payload);
    offset_ += kFrameHead + payload->size();
    if (next_++ == place_) {
      visit(record_);
      ++place_;
      ++visited;
    }
    if (record_.kind == "seal") leave_segment();
  }
  return {};
}

// The segment that should hold the record at the place, but for those that were found not to; where
// none does, the first one behind.
Result<void> Feed::open_segment(std::uint64_t end) {
  const std::vector<Segment> segments = TRY(list_segments(audit_verify::Folders(folder_)));
  const Segment* chosen = nullptr;
  for (const Segment& segment : segments) {
    if (segment.is_compressed || segment.first_index >= end) continue;
    if (segment.first_index < not_before_) continue;
    if (chosen == nullptr || segment.first_index <= place_) chosen = &segment;
  }
  if (chosen == nullptr) {
    not_before_ = 0;  // what is not there now may come back
    return Error(Code::Unavailable,
                 folder_.string() + ": record " + std::to_string(place_) + " cannot be read");
  }
  segment_first_ = next_ = chosen->first_index;
  FileDescriptor file(::open(chosen->path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    leave_segment();
    return {};
  }
  if (next_ > place_) {
    missed_ += next_ - place_;
    place_ = next_;
  }
  segment_ = std::move(file);
  offset_ = window_offset_ = kHeader;
  window_.clear();
  return {};
}

// What is looked for is behind the open segment.
void Feed::leave_segment() {
  segment_ = FileDescriptor();
  not_before_ = segment_first_ + 1;
}

Result<void> Feed::fill() {
  window_.resize(kWindow);
  window_offset_ = offset_;
  ssize_t got = -1;
  do {
    got = ::pread(segment_.get(), window_.data(), window_.size(), static_cast<off_t>(offset_));
  } while (got < 0 && errno == EINTR);
  window_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (got >= 0) return {};
  return Error(Code::Unavailable,
               folder_.string() + ": read: " + std::generic_category().message(errno));
}

// The payload at the place, if the window holds all of it.
std::optional<ByteView> Feed::frame_here() const {
  if (offset_ < window_offset_ || offset_ - window_offset_ > window_.size()) return std::nullopt;
  const ByteView rest = ByteView(window_).subspan(offset_ - window_offset_);
  if (rest.size() < kFrameHead + kLeastPayload) return std::nullopt;
  const std::size_t size = read_u32(rest);
  if (size < kLeastPayload || size > kMostPayload || rest.size() - kFrameHead < size) {
    return std::nullopt;
  }
  const ByteView payload = rest.subspan(kFrameHead, size);
  if (crc32c(payload) != read_u32(rest.subspan(4))) return std::nullopt;
  if (read_u64(payload.subspan(kIndexAt)) != next_) return std::nullopt;
  return payload;
}

// Nothing if the segment does not hold the next record. What is durable now may not have been when
// the window was filled.
Result<std::optional<ByteView>> Feed::next_payload() {
  if (const auto payload = frame_here()) return payload;
  TRY(fill());
  return frame_here();
}

}  // namespace kw::audit_sinks
