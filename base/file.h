// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/secret.h"

namespace kw {

// FileDescriptor closes what it holds.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }  // the caller closes it

 private:
  int fd_ = -1;
};

// Reads a whole file of at most `limit` bytes. Errors: NotFound, InvalidArgument (larger than the
// limit), Unavailable (any other system error); the detail names the path.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 16u << 20);

// The same for a file whose bytes are secret; one trailing newline is left out.
Result<Secret> read_secret_file(const std::filesystem::path& path);

// Replaces `path` so that a crash leaves the old file or the new one: temporary file in the same
// folder, fsync, rename, fsync of the folder. Errors: Unavailable.
Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                        unsigned mode = 0644);

// Makes the names in a folder durable. Errors: Unavailable.
Result<void> sync_directory(const std::filesystem::path& path);

// Makes every file of a folder and of the folders in it durable. Errors: Unavailable.
Result<void> sync_tree(const std::filesystem::path& path);

}  // namespace kw
