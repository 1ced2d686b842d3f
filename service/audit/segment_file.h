// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "base/file.h"
#include "base/result.h"
#include "service/audit/segment.h"

namespace kw::audit {

// FileCalls is the seam for fault injection: what the system may refuse while the log runs.
struct FileCalls {
  ssize_t (*pwrite)(int fd, const void* data, std::size_t size, off_t offset);
  int (*fdatasync)(int fd);
  int (*ftruncate)(int fd, off_t size);
};
FileCalls system_calls() noexcept;

// SegmentFile is the segment being written: records, then zeros written ahead, so that a sync needs
// no metadata. Not thread-safe; owned by the committer.
class SegmentFile {
 public:
  // Makes a new segment under its final name only once its header is durable. An older try that a
  // failure left behind is replaced. Errors: Unavailable.
  static Result<SegmentFile> create(const std::filesystem::path& folder, const SegmentStart& start,
                                    const FileCalls& calls);

  // Opens an existing segment to go on at `end`; cuts everything behind. Errors: Unavailable.
  static Result<SegmentFile> resume(const std::filesystem::path& path, std::size_t end,
                                    const FileCalls& calls);

  // Writes at the end without moving it, so that a failed write can simply be repeated.
  // Errors: Unavailable.
  Result<void> write(ByteView frames, std::size_t zeros_ahead);

  // fdatasync. After an error the kernel may have dropped the pages: nothing may be tried again.
  Result<void> sync();

  // Whether the path still names this file, and no byte of it was cut off. Errors: Unavailable.
  Result<void> check_in_place() const;

  // Moves the end over `size` bytes that are durable.
  void advance(std::size_t size) noexcept { end_ += size; }

  // Cuts the zeros off. Errors: Unavailable.
  Result<void> trim();

 private:
  SegmentFile(FileDescriptor file, std::filesystem::path path, std::size_t end,
              const FileCalls& calls);
  Result<void> write_at(ByteView bytes, std::size_t offset) const;
  Result<void> extend(std::size_t size);

  FileDescriptor file_;
  std::filesystem::path path_;
  std::size_t end_;
  std::size_t allocated_;
  FileCalls calls_;
};

}  // namespace kw::audit
