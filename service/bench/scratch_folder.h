// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace kw::bench {

// ScratchFolder is a fresh folder that goes, with all that is in it, at the end of this object.
class ScratchFolder {
 public:
  // Errors: Unavailable (no folder can be made in `parent`).
  static Result<ScratchFolder> make(const std::filesystem::path& parent);

  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // empty once moved from
};

// What kind of file system a folder lies on: "ext4", "tmpfs" …, or its number.
std::string file_system_of(const std::filesystem::path& folder);

}  // namespace kw::bench
