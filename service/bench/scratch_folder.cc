// SPDX-License-Identifier: Apache-2.0
#include "service/bench/scratch_folder.h"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace kw::bench {
namespace {

struct FileSystem {
  unsigned long magic;
  const char* name;
};

constexpr std::array<FileSystem, 6> kFileSystems = {{{EXT4_SUPER_MAGIC, "ext4"},
                                                     {XFS_SUPER_MAGIC, "xfs"},
                                                     {BTRFS_SUPER_MAGIC, "btrfs"},
                                                     {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
                                                     {NFS_SUPER_MAGIC, "nfs"},
                                                     {TMPFS_MAGIC, "tmpfs"}}};

}  // namespace

Result<ScratchFolder> ScratchFolder::make(const std::filesystem::path& parent) {
  std::string name = (parent / "keyward-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return Error(Code::Unavailable, "cannot make a folder in " + parent.string() + ": " +
                                        std::generic_category().message(errno));
  }
  return ScratchFolder(std::filesystem::path(name));
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::string file_system_of(const std::filesystem::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return "unknown";
  const auto magic = static_cast<unsigned long>(status.f_type);
  for (const FileSystem& known : kFileSystems) {
    if (known.magic == magic) return known.name;
  }
  return "file system " + std::to_string(magic);
}

}  // namespace kw::bench
