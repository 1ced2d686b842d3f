// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/file.h"
#include "tests/support/expect.h"

namespace kw::test {

// MemoryFile is a descriptor to read from or write to, without a name.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view content = {}) : file_(::memfd_create("test", MFD_CLOEXEC)) {
    REQUIRE(::write(fd(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
    REQUIRE(::lseek(fd(), 0, SEEK_SET) == 0);
  }

  int fd() const noexcept { return file_.get(); }

  // All of it, wherever its offset is.
  std::string content() const {
    std::string text(static_cast<std::size_t>(::lseek(fd(), 0, SEEK_END)), '\0');
    REQUIRE(::pread(fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return text;
  }

 private:
  FileDescriptor file_;
};

}  // namespace kw::test
