// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit/tile.h"

namespace kw::audit {

inline constexpr std::size_t kSegmentHeader = 64;
// No segment's file is larger than this; a reader takes it whole.
inline constexpr std::size_t kSegmentReadLimit = std::size_t{1} << 30;

// SegmentStart says where a segment begins in the log.
struct SegmentStart {
  std::uint64_t first_index = 0;
  Sha256Digest previous_leaf{};
};

// The segment's file name: its first index in twenty digits, and ".kwa".
std::string segment_name(std::uint64_t first_index);
Bytes encode_segment_header(const SegmentStart& start);

// The segment files of a folder in the order of their indices. Errors: Unavailable.
Result<std::vector<std::filesystem::path>> list_segments(const std::filesystem::path& folder);

// Whether a payload is that of a seal, the last record of its segment.
bool is_seal(ByteView payload);

// SegmentTail is what a writer needs to go on after a crash.
struct SegmentTail {
  Hashes leaves;  // of its records, in order
  std::uint64_t next_index = 0;
  Sha256Digest last_leaf{};
  std::size_t end = 0;   // behind the last good record
  bool sealed = false;   // that record ended the segment
  bool damaged = false;  // a good record stands behind the end, after bytes that are none
  std::size_t torn = 0;  // bytes behind it, up to the last that is not zero
  Sha256Digest torn_digest{};
};

// Reads a segment's file. Errors as of find_tail; Unavailable (cannot be read, no regular file).
Result<SegmentTail> read_segment(const std::filesystem::path& path);

// Reads the last segment from its bytes. Errors: Internal, if the header is not that of
// `first_index`: that is no crash, and not the writer's to repair.
Result<SegmentTail> find_tail(ByteView segment, std::uint64_t first_index);

// The index that a segment's file name says.
std::uint64_t first_index_of(const std::filesystem::path& segment);

}  // namespace kw::audit
