// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/gzip_stream.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace kw::audit_verify {
namespace {

constexpr std::size_t kInput = 64u << 10;
constexpr int kGzipOnly = 15 + 16;

}  // namespace

void GzipStream::Ender::operator()(z_stream_s* stream) const noexcept {
  ::inflateEnd(stream);
  delete stream;
}

GzipStream::GzipStream(int fd, std::uint64_t limit)
    : fd_(fd), limit_(limit), stream_(new z_stream{}), input_(kInput) {
  KW_ASSERT(::inflateInit2(stream_.get(), kGzipOnly) == Z_OK);
}

GzipStream::~GzipStream() = default;

void GzipStream::rewind() {
  KW_ASSERT(::inflateReset(stream_.get()) == Z_OK);
  stream_->avail_in = 0;
  input_offset_ = position_ = 0;
  ended_ = false;
  fault_ = {};
}

Result<void> GzipStream::refill() {
  ssize_t got = -1;
  do {
    got = ::pread(fd_, input_.data(), input_.size(), static_cast<off_t>(input_offset_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return Error(Code::Unavailable, "read: " + std::generic_category().message(errno));
  }
  input_offset_ += static_cast<std::uint64_t>(got);
  stream_->next_in = input_.data();
  stream_->avail_in = static_cast<uInt>(got);
  return {};
}

// One step; nothing may come out of it though the stream goes on.
Result<std::size_t> GzipStream::inflate_some(std::span<std::uint8_t> out) {
  if (stream_->avail_in == 0) TRY(refill());
  if (stream_->avail_in == 0) {
    fault_ = "a compressed segment that is cut short";
    return std::size_t{0};
  }
  stream_->next_out = out.data();
  stream_->avail_out = static_cast<uInt>(out.size());
  const int status = ::inflate(stream_.get(), Z_NO_FLUSH);
  if (status == Z_STREAM_END) {
    ended_ = true;
    if (stream_->avail_in == 0) TRY(refill());
    if (stream_->avail_in != 0) fault_ = "bytes behind a compressed segment";
  } else if (status != Z_OK && status != Z_BUF_ERROR) {
    fault_ = "bytes that are not gzip";
  }
  return out.size() - stream_->avail_out;
}

// The limit is reached: the stream may end here, but not go on.
Result<void> GzipStream::look_for_more() {
  std::uint8_t more = 0;
  while (!ended_ && fault_.empty()) {
    const std::size_t got = TRY(inflate_some({&more, 1}));
    if (got > 0) fault_ = "more in a compressed segment than a segment may hold";
  }
  return {};
}

Result<std::size_t> GzipStream::read(std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size() && !ended_ && fault_.empty()) {
    const std::uint64_t room = std::min<std::uint64_t>(out.size() - filled, limit_ - position_);
    if (room == 0) {
      TRY(look_for_more());
      break;
    }
    const std::size_t got = TRY(inflate_some(out.subspan(filled, static_cast<std::size_t>(room))));
    filled += got;
    position_ += got;
  }
  return filled;
}

}  // namespace kw::audit_verify
