// SPDX-License-Identifier: Apache-2.0
#include "service/audit_archive/gzip_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace kw::audit_archive {
namespace {

constexpr mode_t kMode = 0640;
constexpr std::size_t kOutput = 64u << 10;
constexpr int kGzipFormat = 15 + 16;

Error not_written(std::string_view step, const std::filesystem::path& path) {
  return Error(Code::Unavailable, std::string(step) + " " + path.string() + ": " +
                                      std::generic_category().message(errno));
}

}  // namespace

ArchiveCalls system_calls() noexcept { return {&::write, &::fsync, &::rename, &::unlink}; }

void GzipFile::Ender::operator()(z_stream_s* stream) const noexcept {
  ::deflateEnd(stream);
  delete stream;
}

GzipFile::GzipFile(FileDescriptor file, std::filesystem::path path, const ArchiveCalls& calls)
    : file_(std::move(file)),
      path_(std::move(path)),
      calls_(calls),
      stream_(new z_stream{}),
      output_(kOutput) {
  KW_ASSERT(::deflateInit2(stream_.get(), Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, 8,
                           Z_DEFAULT_STRATEGY) == Z_OK);
}

GzipFile::~GzipFile() {
  if (file_.is_open()) (void)::unlink(fresh_path().c_str());
}

std::filesystem::path GzipFile::fresh_path() const {
  std::filesystem::path fresh = path_;
  fresh += ".new";
  return fresh;
}

Result<GzipFile> GzipFile::create(const std::filesystem::path& path, const ArchiveCalls& calls) {
  std::filesystem::path fresh = path;
  fresh += ".new";
  FileDescriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kMode));
  if (!file.is_open()) return not_written("create", fresh);
  return GzipFile(std::move(file), path, calls);
}

Result<void> GzipFile::write(ByteView bytes) { return deflate_all(bytes, Z_NO_FLUSH); }

Result<void> GzipFile::finish() {
  TRY(deflate_all({}, Z_FINISH));
  if (calls_.fsync(file_.get()) != 0) return not_written("fsync", fresh_path());
  if (calls_.rename(fresh_path().c_str(), path_.c_str()) != 0) {
    return not_written("rename", fresh_path());
  }
  file_ = FileDescriptor();
  return {};
}

Result<void> GzipFile::deflate_all(ByteView bytes, int flush) {
  // zlib's type for bytes that it only reads is not const.
  stream_->next_in = const_cast<Bytef*>(bytes.data());
  stream_->avail_in = static_cast<uInt>(bytes.size());
  do {
    stream_->next_out = output_.data();
    stream_->avail_out = static_cast<uInt>(output_.size());
    KW_ASSERT(::deflate(stream_.get(), flush) != Z_STREAM_ERROR);
    TRY(put(ByteView(output_).first(output_.size() - stream_->avail_out)));
  } while (stream_->avail_out == 0);
  return {};
}

Result<void> GzipFile::put(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = calls_.write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return not_written("write", fresh_path());
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace kw::audit_archive
