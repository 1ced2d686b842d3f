// SPDX-License-Identifier: Apache-2.0
// A library for LD_PRELOAD: what the file that KEYWARD_DISK_FAULTS names says happens to the audit
// log's segments while it is there. "sync-fails": fdatasync is EIO. "sync-slow": it takes 3 s.
// "read-only": writes are EROFS.
#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

// Whether the descriptor is a segment's and the fault is switched on.
bool has_fault(int fd, const std::string& fault) {
  static const char* const control = std::getenv("KEYWARD_DISK_FAULTS");  // NOLINT: read once
  if (control == nullptr) return false;
  std::ifstream file(control);
  std::string said;
  if (!(file >> said) || said != fault) return false;
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
  const std::string name(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return name.ends_with(".kwa");
}

int refuse(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

int fdatasync(int fd) {
  static const auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fdatasync"));
  if (has_fault(fd, "sync-fails")) return refuse(EIO);
  if (has_fault(fd, "sync-slow")) ::usleep(3'000'000);
  return real(fd);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  using Pwrite = ssize_t (*)(int, const void*, size_t, off_t);
  static const auto real = reinterpret_cast<Pwrite>(::dlsym(RTLD_NEXT, "pwrite"));
  return has_fault(fd, "read-only") ? refuse(EROFS) : real(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
  return ::pwrite(fd, data, size, offset);
}

}  // extern "C"
