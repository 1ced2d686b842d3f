// SPDX-License-Identifier: Apache-2.0
#include "service/audit/tile.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "base/file.h"

namespace kw::audit {
namespace {

constexpr std::size_t kHashSize = sizeof(Sha256Digest);
constexpr std::size_t kTileBytes = kTileWidth * kHashSize;
constexpr mode_t kTileMode = 0640;

Error no_tile(std::string_view step, const std::filesystem::path& path, int number) {
  return Error(Code::Unavailable, std::string(step) + " " + path.string() + ": " +
                                      std::generic_category().message(number));
}

Result<void> write_whole(const std::filesystem::path& path, ByteView bytes) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kTileMode));
  if (!file.is_open()) return no_tile("open", path, errno);
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return no_tile("write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

std::filesystem::path TileFiles::path_of(const TileName& name) const {
  std::string digits = std::to_string(name.index);
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  std::filesystem::path path = folder_ / std::to_string(name.level);
  for (std::size_t at = 0; at < digits.size(); at += 3) {
    const bool last = at + 3 == digits.size();
    path /= (last ? "" : "x") + digits.substr(at, 3);
  }
  return path;
}

bool TileFiles::has(const TileName& name) const {
  std::error_code failure;
  return std::filesystem::is_regular_file(path_of(name), failure);
}

Result<Hashes> TileFiles::read(const TileName& name) const {
  const std::filesystem::path path = path_of(name);
  const std::string content = TRY(read_file(path, kTileBytes));
  if (content.size() != kTileBytes) {
    return Error(Code::Internal, path.string() + ": not a full tile");
  }
  Hashes hashes(kTileWidth);
  for (std::size_t i = 0; i < kTileWidth; ++i) {
    const ByteView bytes = as_bytes(content).subspan(i * kHashSize, kHashSize);
    std::copy(bytes.begin(), bytes.end(), hashes[i].begin());
  }
  return hashes;
}

Result<void> TileFiles::write(const TileName& name, const Hashes& hashes) const {
  KW_ASSERT(hashes.size() == kTileWidth);
  const std::filesystem::path path = path_of(name);
  std::error_code failure;
  std::filesystem::create_directories(path.parent_path(), failure);
  if (failure) return no_tile("make", path.parent_path(), failure.value());
  Bytes bytes;
  bytes.reserve(kTileBytes);
  for (const Sha256Digest& hash : hashes) append(bytes, hash);
  std::filesystem::path fresh = path;
  fresh += ".new";
  TRY(write_whole(fresh, bytes));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return no_tile("rename", fresh, errno);
  return {};
}

Result<void> TileFiles::remove_all() const {
  std::error_code failure;
  std::filesystem::remove_all(folder_, failure);
  if (failure) return no_tile("remove", folder_, failure.value());
  return {};
}

}  // namespace kw::audit
