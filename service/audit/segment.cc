// SPDX-License-Identifier: Apache-2.0
#include "service/audit/segment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <system_error>

#include "base/crc32c.h"
#include "base/file.h"
#include "service/audit/chain.h"

namespace kw::audit {
namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {'k', 'w', 'a', 'u', 'd', 'i', 't', 1};
constexpr std::size_t kIndexDigits = 20;
constexpr std::size_t kReserved = 12;
constexpr std::string_view kSuffix = ".kwa";

constexpr std::array<std::uint8_t, 3> kSequenceField = {0x01, 0x00, 0x08};
constexpr std::array<std::uint8_t, 4> kSealField = {0x03, 0x00, 0x01, 0x03};

// The payload of the frame at the front, if its length and checksum fit.
std::optional<ByteView> frame_at(ByteView bytes) {
  if (bytes.size() < kFrameHeader + kPayloadPrefix) return std::nullopt;
  const std::size_t length = read_u32(bytes);
  if (length < kPayloadPrefix || length > kMaxPayload) return std::nullopt;
  if (bytes.size() - kFrameHeader < length) return std::nullopt;
  const ByteView payload = bytes.subspan(kFrameHeader, length);
  if (!std::equal(kSequenceField.begin(), kSequenceField.end(), payload.begin())) {
    return std::nullopt;
  }
  if (crc32c(payload) != read_u32(bytes.subspan(4))) return std::nullopt;
  return payload;
}

bool holds_frame(ByteView bytes) {
  for (std::size_t at = 0; at + kFrameHeader + kPayloadPrefix <= bytes.size(); ++at) {
    if (frame_at(bytes.subspan(at))) return true;
  }
  return false;
}

// Whether a payload says that it is the next record.
bool continues(ByteView payload, const SegmentTail& tail) {
  constexpr std::size_t kIndexAt = 3;
  constexpr std::size_t kLeafAt = 3 + 8 + 3;
  return read_u64(payload.subspan(kIndexAt)) == tail.next_index &&
         std::equal(tail.last_leaf.begin(), tail.last_leaf.end(), payload.subspan(kLeafAt).begin());
}

ByteView without_trailing_zeros(ByteView bytes) {
  const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](auto byte) { return byte != 0; });
  return bytes.first(static_cast<std::size_t>(bytes.rend() - last));
}

Result<SegmentStart> decode_header(ByteView segment, std::uint64_t first_index) {
  if (segment.size() < kSegmentHeader) return Error(Code::Internal, "segment without a header");
  SegmentStart start;
  start.first_index = first_index;
  const ByteView leaf = segment.subspan(kMagic.size() + sizeof first_index);
  std::copy_n(leaf.begin(), start.previous_leaf.size(), start.previous_leaf.begin());
  const Bytes expected = encode_segment_header(start);
  if (!std::equal(expected.begin(), expected.end(), segment.begin())) {
    return Error(Code::Internal, "segment with a bad header");
  }
  return start;
}

bool is_segment_name(std::string_view name) {
  return name.size() == kIndexDigits + kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_not_of("0123456789") == kIndexDigits;
}

}  // namespace

bool is_seal(ByteView payload) {
  const ByteView fields = payload.subspan(kPayloadPrefix);
  return fields.size() >= kSealField.size() &&
         std::equal(kSealField.begin(), kSealField.end(), fields.begin());
}

std::string segment_name(std::uint64_t first_index) {
  const std::string digits = std::to_string(first_index);
  return std::string(kIndexDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

Bytes encode_segment_header(const SegmentStart& start) {
  Bytes header(kMagic.begin(), kMagic.end());
  append_u64(header, start.first_index);
  append(header, start.previous_leaf);
  header.resize(header.size() + kReserved);
  append_u32(header, crc32c(header));
  return header;
}

Result<std::vector<std::filesystem::path>> list_segments(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code failure;
  for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (is_segment_name(at->path().filename().string())) found.push_back(at->path());
  }
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  std::sort(found.begin(), found.end());
  return found;
}

std::uint64_t first_index_of(const std::filesystem::path& segment) {
  return std::stoull(segment.stem().string());
}

Result<SegmentTail> read_segment(const std::filesystem::path& path) {
  std::error_code failure;
  // Looked at before it is opened: opening a FIFO would hang.
  if (std::filesystem::symlink_status(path, failure).type() !=
      std::filesystem::file_type::regular) {
    return Error(Code::Unavailable, path.string() + ": not a regular file");
  }
  const std::string content = TRY(read_file(path, kSegmentReadLimit));
  return find_tail(as_bytes(content), first_index_of(path));
}

Result<SegmentTail> find_tail(ByteView segment, std::uint64_t first_index) {
  const SegmentStart start = TRY(decode_header(segment, first_index));
  SegmentTail tail;
  tail.next_index = start.first_index;
  tail.last_leaf = start.previous_leaf;
  tail.end = kSegmentHeader;
  TreeHasher hasher;
  for (;;) {
    const std::optional<ByteView> payload = frame_at(segment.subspan(tail.end));
    if (tail.sealed || !payload || !continues(*payload, tail)) break;
    tail.last_leaf = hasher.leaf(*payload);
    tail.leaves.push_back(tail.last_leaf);
    tail.next_index += 1;
    tail.end += kFrameHeader + payload->size();
    tail.sealed = is_seal(*payload);
  }
  const ByteView torn = without_trailing_zeros(segment.subspan(tail.end));
  tail.damaged = holds_frame(segment.subspan(tail.end));
  tail.torn = torn.size();
  tail.torn_digest = sha256(torn);
  return tail;
}

}  // namespace kw::audit
