// SPDX-License-Identifier: Apache-2.0
// A library for LD_PRELOAD that notes what its process does to the files of one folder (journal.h).
// It takes the place of the calls by which keyward, SQLite and SoftHSM (strace shows them) change
// files. Call and note are one step under a lock, so that the journal's order is the real one.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>

#include "journal.h"

namespace kw::crash {
namespace {

constexpr int kMostDescriptors = 65'536;

// The libc's own function of this name.
template <typename Function>
Function* real(Function* /*ours*/, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string_view setting(const char* variable) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): read once
  return text == nullptr ? std::string_view() : text;
}

// Recorder is the process's one journal. What changes it is to be called under `mutex`.
class Recorder {
 public:
  Recorder() : folder_(setting(kFolderVariable)) {
    const std::string journal(setting(kJournalVariable));
    const std::string delay(setting(kSyncDelayVariable));
    if (!delay.empty()) sync_delay_ = static_cast<useconds_t>(std::stoul(delay));
    if (folder_.empty() || journal.empty()) return;
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    journal_ = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, journal.c_str(), kFlags, 0600));
  }

  bool in_folder(std::string_view path) const {
    return journal_ >= 0 && path.starts_with(folder_) &&
           (path.size() == folder_.size() || path[folder_.size()] == '/');
  }
  std::uint64_t handle_of(int fd) const {
    return fd < 0 || fd >= kMostDescriptors ? 0 : handles_[static_cast<std::size_t>(fd)];
  }

  void delay_sync() const {
    if (sync_delay_ > 0) ::usleep(sync_delay_);
  }

  void opened(int fd, std::string_view path, bool truncates) {
    if (fd < 0 || fd >= kMostDescriptors || !in_folder(path)) return;
    handles_[static_cast<std::size_t>(fd)] = ++last_handle_;
    note({.did = Did::Open, .handle = last_handle_}, path);
    if (truncates) note({.did = Did::Truncate, .handle = last_handle_});
  }
  void closed(int fd) {
    if (handle_of(fd) != 0) handles_[static_cast<std::size_t>(fd)] = 0;
  }
  void wrote(int fd, const void* data, ssize_t size, off_t offset) {
    if (size <= 0 || handle_of(fd) == 0) return;
    note({.did = Did::Write, .handle = handle_of(fd), .offset = static_cast<std::uint64_t>(offset)},
         {}, {}, {static_cast<const char*>(data), static_cast<std::size_t>(size)});
  }

  // The libc writes a stream's bytes without a call that could be seen: the whole file is noted.
  void flushed(int fd) {
    struct stat status {};
    if (handle_of(fd) == 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
    std::string content(static_cast<std::size_t>(status.st_size), '\0');
    const ssize_t got = ::pread(fd, content.data(), content.size(), 0);
    if (got != status.st_size) return;
    note({.did = Did::Content, .handle = handle_of(fd)}, {}, {}, content);
  }

  void note(EntryHead head, std::string_view path = {}, std::string_view second = {},
            std::string_view data = {}) {
    head.path = static_cast<std::uint32_t>(path.size());
    head.second = static_cast<std::uint32_t>(second.size());
    head.data = static_cast<std::uint32_t>(data.size());
    std::array<iovec, 4> parts = {iovec{&head, sizeof head},
                                  iovec{const_cast<char*>(path.data()), path.size()},
                                  iovec{const_cast<char*>(second.data()), second.size()},
                                  iovec{const_cast<char*>(data.data()), data.size()}};
    // An entry that is cut short by SIGKILL is the journal's last.
    if (::syscall(SYS_writev, journal_, parts.data(), parts.size()) < 0) std::abort();
  }

  std::mutex mutex;

 private:
  std::string folder_;
  int journal_ = -1;
  useconds_t sync_delay_ = 0;
  std::uint64_t last_handle_ = 0;
  std::array<std::uint64_t, kMostDescriptors> handles_{};
};

// Never destroyed: files are closed until the very end of a process.
Recorder& recorder() {
  static Recorder* const only = new Recorder;
  return *only;
}

using Lock = std::lock_guard<std::mutex>;

template <typename Open>
int open_and_note(Open open, const char* path, int flags) {
  Recorder& journal = recorder();
  if (path == nullptr || !journal.in_folder(path)) return open();
  const Lock lock(journal.mutex);
  const int fd = open();
  journal.opened(fd, path, (flags & O_TRUNC) != 0);
  return fd;
}

int change_name(int result, Did did, const char* path, const char* second = "") {
  if (result == 0) recorder().note({.did = did}, path, second);
  return result;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace kw::crash

using kw::crash::Did;
using kw::crash::Lock;
using kw::crash::Recorder;
using kw::crash::recorder;

#define KW_REAL(name) static const auto real = kw::crash::real(&::name, #name)

extern "C" {

int open(const char* path, int flags, ...) {
  KW_REAL(open);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = kw::crash::mode_of(flags, arguments);
  va_end(arguments);
  return kw::crash::open_and_note([&] { return real(path, flags, mode); }, path, flags);
}

int open64(const char* path, int flags, ...) {
  KW_REAL(open64);
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = kw::crash::mode_of(flags, arguments);
  va_end(arguments);
  return kw::crash::open_and_note([&] { return real(path, flags, mode); }, path, flags);
}

FILE* fopen(const char* path, const char* mode) {
  KW_REAL(fopen);
  FILE* stream = nullptr;
  const auto open = [&] {
    stream = real(path, mode);
    return stream == nullptr ? -1 : ::fileno(stream);
  };
  kw::crash::open_and_note(open, path, mode[0] == 'w' ? O_TRUNC : 0);
  return stream;
}

FILE* fopen64(const char* path, const char* mode) {
  KW_REAL(fopen64);
  FILE* stream = nullptr;
  const auto open = [&] {
    stream = real(path, mode);
    return stream == nullptr ? -1 : ::fileno(stream);
  };
  kw::crash::open_and_note(open, path, mode[0] == 'w' ? O_TRUNC : 0);
  return stream;
}

int fflush(FILE* stream) {
  KW_REAL(fflush);
  const Lock lock(recorder().mutex);
  const int result = real(stream);
  if (stream != nullptr) recorder().flushed(::fileno(stream));
  return result;
}

int fclose(FILE* stream) {
  KW_REAL(fclose);
  static const auto flush = kw::crash::real(&::fflush, "fflush");
  const Lock lock(recorder().mutex);
  const int fd = ::fileno(stream);
  if (recorder().handle_of(fd) != 0) {
    flush(stream);
    recorder().flushed(fd);
    recorder().closed(fd);
  }
  return real(stream);
}

int close(int fd) {
  KW_REAL(close);
  const Lock lock(recorder().mutex);
  recorder().closed(fd);
  return real(fd);
}

ssize_t write(int fd, const void* data, size_t size) {
  KW_REAL(write);
  // Sockets and pipes may wait: not under the lock.
  if (recorder().handle_of(fd) == 0) return real(fd, data, size);
  const Lock lock(recorder().mutex);
  const ssize_t put = real(fd, data, size);
  recorder().wrote(fd, data, put, ::lseek(fd, 0, SEEK_CUR) - put);
  return put;
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  KW_REAL(pwrite);
  const Lock lock(recorder().mutex);
  const ssize_t put = real(fd, data, size, offset);
  recorder().wrote(fd, data, put, offset);
  return put;
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
  return ::pwrite(fd, data, size, offset);
}

int ftruncate(int fd, off_t size) noexcept {
  KW_REAL(ftruncate);
  const Lock lock(recorder().mutex);
  const int result = real(fd, size);
  const std::uint64_t handle = recorder().handle_of(fd);
  if (result == 0 && handle != 0) {
    recorder().note(
        {.did = Did::Truncate, .handle = handle, .offset = static_cast<std::uint64_t>(size)});
  }
  return result;
}

int ftruncate64(int fd, off_t size) noexcept { return ::ftruncate(fd, size); }

int fsync(int fd) {
  KW_REAL(fsync);
  recorder().delay_sync();
  const Lock lock(recorder().mutex);
  const int result = real(fd);
  const std::uint64_t handle = recorder().handle_of(fd);
  if (result == 0 && handle != 0) recorder().note({.did = Did::Sync, .handle = handle});
  return result;
}

int fdatasync(int fd) { return ::fsync(fd); }

int rename(const char* from, const char* to) noexcept {
  KW_REAL(rename);
  const Lock lock(recorder().mutex);
  const int result = real(from, to);
  return recorder().in_folder(from) ? kw::crash::change_name(result, Did::Rename, from, to)
                                    : result;
}

int unlink(const char* path) noexcept {
  KW_REAL(unlink);
  const Lock lock(recorder().mutex);
  const int result = real(path);
  return recorder().in_folder(path) ? kw::crash::change_name(result, Did::Remove, path) : result;
}

int rmdir(const char* path) noexcept {
  KW_REAL(rmdir);
  const Lock lock(recorder().mutex);
  const int result = real(path);
  return recorder().in_folder(path) ? kw::crash::change_name(result, Did::Remove, path) : result;
}

int remove(const char* path) noexcept {
  KW_REAL(remove);
  const Lock lock(recorder().mutex);
  const int result = real(path);
  return recorder().in_folder(path) ? kw::crash::change_name(result, Did::Remove, path) : result;
}

int unlinkat(int folder, const char* name, int flags) noexcept {
  KW_REAL(unlinkat);
  const Lock lock(recorder().mutex);
  const int result = real(folder, name, flags);
  std::array<char, 4096> parent{};
  const std::string link = "/proc/self/fd/" + std::to_string(folder);
  const bool is_at = folder >= 0 && ::readlink(link.c_str(), parent.data(), parent.size() - 1) > 0;
  const std::string path = is_at ? std::string(parent.data()) + "/" + name : name;
  return recorder().in_folder(path) ? kw::crash::change_name(result, Did::Remove, path.c_str())
                                    : result;
}

int mkdir(const char* path, mode_t mode) noexcept {
  KW_REAL(mkdir);
  const Lock lock(recorder().mutex);
  const int result = real(path, mode);
  return recorder().in_folder(path) ? kw::crash::change_name(result, Did::MakeFolder, path)
                                    : result;
}

}  // extern "C"
