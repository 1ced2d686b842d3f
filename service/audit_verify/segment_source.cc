// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/segment_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

namespace kw::audit_verify {
namespace {

Error refused_by_system(std::string_view step) {
  return Error(Code::Unavailable,
               std::string(step) + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<SegmentSource> SegmentSource::open(const Segment& segment) {
  // Without O_NONBLOCK a FIFO would hang the reader.
  FileDescriptor file(::open(segment.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open() && errno == ELOOP) {
    return Error(Code::InvalidArgument, "a link where a segment should be");
  }
  if (!file.is_open()) return refused_by_system("open " + segment.path.string());
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refused_by_system("stat " + segment.path.string());
  if (!S_ISREG(status.st_mode)) {
    return Error(Code::InvalidArgument, "no regular file where a segment should be");
  }
  SegmentSource source(std::move(file));
  if (segment.is_compressed) source.gzip_.emplace(source.file_.get(), kMaxSegment);
  return source;
}

Result<std::size_t> SegmentSource::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (gzip_) {
    TRY(skip_to(offset));
    return gzip_->position() == offset ? gzip_->read(out) : Result<std::size_t>(std::size_t{0});
  }
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::pread(file_.get(), out.data() + filled, out.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused_by_system("read");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<void> SegmentSource::skip_to(std::uint64_t offset) {
  std::array<std::uint8_t, 16384> dropped;
  if (offset < gzip_->position()) gzip_->rewind();
  while (gzip_->position() < offset) {
    const std::uint64_t step = std::min<std::uint64_t>(dropped.size(), offset - gzip_->position());
    const std::size_t got =
        TRY(gzip_->read(std::span(dropped).first(static_cast<std::size_t>(step))));
    if (got == 0) break;
  }
  return {};
}

Result<void> SegmentSource::check() const {
  if (!gzip_ || gzip_->fault().empty()) return {};
  return Error(Code::InvalidArgument, std::string(gzip_->fault()));
}

}  // namespace kw::audit_verify
