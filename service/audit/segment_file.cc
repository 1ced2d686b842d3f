// SPDX-License-Identifier: Apache-2.0
#include "service/audit/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

namespace kw::audit {
namespace {

constexpr mode_t kMode = 0640;

// The newest records before a segment's end that an fdatasync may have failed on: more than a log
// has undurable at a time.
constexpr std::size_t kRewritten = 16u << 20;

Code code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::ResourceExhausted;
    case EROFS:
    case EPERM:
    case EACCES:
      return Code::PermissionDenied;
    default:
      return Code::Unavailable;
  }
}

Error refused(std::string_view step, const std::filesystem::path& path) {
  const int number = errno;
  std::string reason = std::generic_category().message(number);
  return Error(code_of(number), std::string(step) + " " + path.string() + ": " + reason);
}

Error displaced(const std::filesystem::path& path, std::string_view how) {
  return Error(Code::FailedPrecondition, path.string() + ": " + std::string(how));
}

Result<FileDescriptor> open_regular(const std::filesystem::path& path, int flags) {
  FileDescriptor file(::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kMode));
  if (!file.is_open()) return refused("open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refused("stat", path);
  if (!S_ISREG(status.st_mode)) return Error(Code::Unavailable, path.string() + ": not a file");
  return file;
}

// Which file it is and how long, and never its times: where somebody asks for them, Linux (6.13 and
// later) gives the next write a time of its own, and an fdatasync then writes the inode, too.
bool identify(int folder, const char* path, int flags, struct statx& out) {
  return ::statx(folder, path, flags, STATX_INO | STATX_SIZE, &out) == 0;
}

bool is_same_file(const struct statx& a, const struct statx& b) {
  return a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor &&
         a.stx_ino == b.stx_ino;
}

}  // namespace

FileCalls system_calls() noexcept { return {&::pwrite, &::fdatasync, &::ftruncate}; }

SegmentFile::SegmentFile(FileDescriptor file, std::filesystem::path path, std::size_t end,
                         const FileCalls& calls)
    : file_(std::move(file)), path_(std::move(path)), end_(end), allocated_(end), calls_(calls) {}

Result<SegmentFile> SegmentFile::create(const std::filesystem::path& folder,
                                        const SegmentStart& start, const FileCalls& calls) {
  const std::filesystem::path path = folder / segment_name(start.first_index);
  std::filesystem::path fresh = path;
  fresh += ".new";
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) return refused("remove", fresh);
  FileDescriptor file = TRY(open_regular(fresh, O_RDWR | O_CREAT | O_EXCL));
  SegmentFile segment(std::move(file), path, 0, calls);
  TRY(segment.write_at(encode_segment_header(start), 0));
  TRY(segment.sync());
  if (::rename(fresh.c_str(), path.c_str()) != 0) return refused("rename", fresh);
  TRY(sync_directory(folder));
  segment.end_ = segment.allocated_ = kSegmentHeader;
  return segment;
}

Result<SegmentFile> SegmentFile::resume(const std::filesystem::path& path, std::size_t end,
                                        const FileCalls& calls) {
  FileDescriptor file = TRY(open_regular(path, O_RDWR));
  SegmentFile segment(std::move(file), path, end, calls);
  TRY(segment.write_tail_again());
  TRY(segment.trim());
  TRY(segment.sync());
  return segment;
}

Result<Bytes> SegmentFile::read_from(std::size_t begin) const {
  Bytes content(end_ - begin);
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::pread(file_.get(), content.data() + filled, content.size() - filled,
                                static_cast<off_t>(begin + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused("read", path_);
    if (got == 0) return Error(Code::Unavailable, path_.string() + ": shorter than it was");
    filled += static_cast<std::size_t>(got);
  }
  return content;
}

Result<void> SegmentFile::write_tail_again() const {
  const std::size_t begin = end_ - std::min(end_, kRewritten);
  const Bytes tail = TRY(read_from(begin));
  return write_at(tail, begin);
}

Result<void> SegmentFile::abandon(ByteView seal, const std::filesystem::path& copy) {
  struct statx ours {};
  if (!identify(file_.get(), "", AT_EMPTY_PATH, ours)) return refused("stat", path_);
  if (ours.stx_size < end_) return displaced(path_, "records were cut off");
  TRY(trim());
  TRY(write_at(seal, end_));
  end_ += seal.size();
  TRY(sync());
  struct statx named {};
  const bool is_named = identify(AT_FDCWD, path_.c_str(), AT_SYMLINK_NOFOLLOW, named);
  if (is_named && is_same_file(ours, named)) return {};
  const Bytes content = TRY(read_from(0));
  return write_file(copy, as_text(content), kMode);
}

Result<void> SegmentFile::write(ByteView frames, std::size_t zeros_ahead) {
  const std::size_t wanted = end_ + frames.size();
  if (wanted > allocated_) {
    // Behind what was cut off, it would be as long as before.
    TRY(check_in_place());
    TRY(extend(wanted + zeros_ahead));
  }
  return write_at(frames, end_);
}

Result<void> SegmentFile::extend(std::size_t size) {
  constexpr std::size_t kStep = 256u << 10;
  const Bytes zeros(std::min(kStep, size - allocated_));
  while (allocated_ < size) {
    const std::size_t step = std::min(zeros.size(), size - allocated_);
    TRY(write_at(ByteView(zeros).first(step), allocated_));
    allocated_ += step;
  }
  return {};
}

Result<void> SegmentFile::write_at(ByteView bytes, std::size_t offset) const {
  while (!bytes.empty()) {
    const ssize_t put =
        calls_.pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return refused("write", path_);
    if (put == 0) return Error(Code::Unavailable, "write " + path_.string() + ": nothing written");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::size_t>(put);
  }
  return {};
}

Result<void> SegmentFile::sync() {
  if (calls_.fdatasync(file_.get()) != 0) return refused("fdatasync", path_);
  return {};
}

Result<void> SegmentFile::check_in_place() const {
  struct statx ours {};
  struct statx named {};
  if (!identify(file_.get(), "", AT_EMPTY_PATH, ours)) return refused("stat", path_);
  if (!identify(AT_FDCWD, path_.c_str(), AT_SYMLINK_NOFOLLOW, named)) {
    return errno == ENOENT || errno == ENOTDIR ? displaced(path_, "removed")
                                               : refused("stat", path_);
  }
  if (!is_same_file(ours, named)) return displaced(path_, "replaced by another file");
  if (ours.stx_size < allocated_) {
    return displaced(path_, "cut by somebody else");
  }
  return {};
}

Result<void> SegmentFile::trim() {
  if (calls_.ftruncate(file_.get(), static_cast<off_t>(end_)) != 0) {
    return refused("truncate", path_);
  }
  allocated_ = end_;
  return {};
}

}  // namespace kw::audit
