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
// no metadata. Not thread-safe; owned by the committer. Errors say what the disk has against it:
// ResourceExhausted (full), PermissionDenied (read-only), FailedPrecondition (the file is not in
// place), Unavailable (anything else).
class SegmentFile {
 public:
  // Makes a new segment under its final name only once its header is durable. An older try that a
  // failure left behind is replaced.
  static Result<SegmentFile> create(const std::filesystem::path& folder, const SegmentStart& start,
                                    const FileCalls& calls);

  // Opens an existing segment to go on at `end`; cuts everything behind. The records before it are
  // written once more: behind a failed fdatasync they may stand in the kernel's memory alone, where
  // nothing says so and a further sync would not write them.
  static Result<SegmentFile> resume(const std::filesystem::path& path, std::size_t end,
                                    const FileCalls& calls);

  // Writes at the end without moving it, so that a failed write can simply be repeated.
  Result<void> write(ByteView frames, std::size_t zeros_ahead);

  // fdatasync. After an error the kernel may have dropped the pages: nothing may be tried again.
  Result<void> sync();

  // Whether the path still names this file, and no byte of it was cut off.
  Result<void> check_in_place() const;

  // Moves the end over `size` bytes that are durable.
  void advance(std::size_t size) noexcept { end_ += size; }

  // Cuts the zeros off.
  Result<void> trim();

  // Ends a file that is not in place with the seal, wherever it is now. Unless it is in place after
  // all, only cut, what it holds is copied to `copy`.
  Result<void> abandon(ByteView seal, const std::filesystem::path& copy);

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  SegmentFile(FileDescriptor file, std::filesystem::path path, std::size_t end,
              const FileCalls& calls);
  Result<void> write_at(ByteView bytes, std::size_t offset) const;
  Result<void> extend(std::size_t size);
  Result<Bytes> read_from(std::size_t begin) const;
  Result<void> write_tail_again() const;

  FileDescriptor file_;
  std::filesystem::path path_;
  std::size_t end_;
  std::size_t allocated_;
  FileCalls calls_;
};

}  // namespace kw::audit
