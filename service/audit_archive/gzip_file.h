// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"
#include "service/audit_archive/archive_calls.h"

struct z_stream_s;

namespace kw::audit_archive {

// GzipFile writes a gzip file (RFC 1952, one member, without name and time: the same bytes in make
// the same file) under the name PATH.new and gives it its own name once it is durable. Without
// finish() nothing is left of it.
class GzipFile {
 public:
  // What an interrupted run left under PATH.new is replaced. Errors: Unavailable.
  static Result<GzipFile> create(const std::filesystem::path& path, const ArchiveCalls& calls);

  GzipFile(GzipFile&&) noexcept = default;
  GzipFile& operator=(GzipFile&&) = delete;
  ~GzipFile();

  // Errors: Unavailable.
  Result<void> write(ByteView bytes);
  Result<void> finish();

 private:
  struct Ender {
    void operator()(z_stream_s* stream) const noexcept;
  };

  GzipFile(FileDescriptor file, std::filesystem::path path, const ArchiveCalls& calls);
  std::filesystem::path fresh_path() const;
  Result<void> deflate_all(ByteView bytes, int flush);
  Result<void> put(ByteView bytes);

  FileDescriptor file_;  // open until it has its name
  std::filesystem::path path_;
  ArchiveCalls calls_;
  std::unique_ptr<z_stream_s, Ender> stream_;
  Bytes output_;
};

}  // namespace kw::audit_archive
