// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kw {
namespace {

constexpr std::size_t kMaxSecretFile = 64u << 10;

Error system_error(std::string_view step, const std::filesystem::path& path) {
  const Code code = errno == ENOENT ? Code::NotFound : Code::Unavailable;
  std::string reason = std::generic_category().message(errno);
  return Error(code, std::string(step) + " " + path.string() + ": " + std::move(reason));
}

// Reads until `out` is full or the file ends; yields the bytes read.
Result<std::size_t> read_up_to(int fd, std::span<std::uint8_t> out,
                               const std::filesystem::path& path) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::read(fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<FileDescriptor> open_for_reading(const std::filesystem::path& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error("open", path);
  return file;
}

Result<void> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", path);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> write_new_file(const std::filesystem::path& path, std::string_view content,
                            unsigned mode) {
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file.is_open()) return system_error("create", path);
  TRY(write_all(file.get(), content, path));
  if (::fsync(file.get()) != 0) return system_error("fsync", path);
  return {};
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (is_open()) ::close(fd_);
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const FileDescriptor file = TRY(open_for_reading(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("stat", path);
  // One byte more than the size: a file that grows meanwhile, or has no size, is read on below.
  std::string content(static_cast<std::size_t>(status.st_size) + 1, '\0');
  std::size_t filled = 0;
  for (;;) {
    const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(content.data()),
                                       content.size());
    const std::size_t got = TRY(read_up_to(file.get(), room.subspan(filled), path));
    filled += got;
    if (filled > limit) return Error(Code::InvalidArgument, path.string() + ": file too large");
    if (filled < content.size()) break;
    content.resize(content.size() * 2);
  }
  content.resize(filled);
  return content;
}

Result<Secret> read_secret_file(const std::filesystem::path& path) {
  const FileDescriptor file = TRY(open_for_reading(path));
  Secret secret(kMaxSecretFile);
  std::size_t size = TRY(read_up_to(file.get(), secret.reveal_for_writing(), path));
  if (size == kMaxSecretFile) return Error(Code::InvalidArgument, path.string() + ": too large");
  if (size > 0 && secret.reveal()[size - 1] == '\n') --size;
  secret.shrink(size);
  return secret;
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                        unsigned mode) {
  std::filesystem::path fresh = path;
  fresh += ".new";
  TRY(write_new_file(fresh, content, mode));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error("rename", fresh);
  return sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

Result<void> sync_directory(const std::filesystem::path& path) {
  const FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return system_error("open", path);
  if (::fsync(folder.get()) != 0) return system_error("fsync", path);
  return {};
}

Result<void> sync_tree(const std::filesystem::path& path) {
  std::error_code failure;
  for (std::filesystem::recursive_directory_iterator at(path, failure), end; at != end;
       at.increment(failure)) {
    if (failure) break;
    if (at->is_directory(failure)) {
      TRY(sync_directory(at->path()));
    } else if (at->is_regular_file(failure)) {
      const FileDescriptor file = TRY(open_for_reading(at->path()));
      if (::fsync(file.get()) != 0) return system_error("fsync", at->path());
    }
  }
  if (failure) return Error(Code::Unavailable, path.string() + ": " + failure.message());
  return sync_directory(path);
}

}  // namespace kw
