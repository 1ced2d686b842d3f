// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace kw::audit_archive {

// ArchiveCalls is the seam for fault injection: every call that changes what is on a disk.
struct ArchiveCalls {
  ssize_t (*write)(int fd, const void* data, std::size_t size);
  int (*fsync)(int fd);
  int (*rename)(const char* from, const char* to);
  int (*unlink)(const char* path);
};
ArchiveCalls system_calls() noexcept;

}  // namespace kw::audit_archive
