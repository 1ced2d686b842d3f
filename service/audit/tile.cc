// SPDX-License-Identifier: Apache-2.0
#include "service/audit/tile.h"

#include <fcntl.h>
#include <sys/stat.h>
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

Bytes bytes_of(const Hashes& hashes) {
  Bytes bytes;
  bytes.reserve(hashes.size() * kHashSize);
  for (const Sha256Digest& hash : hashes) append(bytes, hash);
  return bytes;
}

Hashes hashes_in(std::string_view content) {
  Hashes hashes(content.size() / kHashSize);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const ByteView bytes = as_bytes(content).subspan(i * kHashSize, kHashSize);
    std::copy(bytes.begin(), bytes.end(), hashes[i].begin());
  }
  return hashes;
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

std::filesystem::path TileFiles::folder_of_partials(const TileName& name) const {
  std::filesystem::path path = path_of(name);
  path += ".p";
  return path;
}

bool TileFiles::has(const TileName& name) const {
  std::error_code failure;
  return std::filesystem::file_size(path_of(name), failure) == kTileBytes && !failure;
}

Result<Hashes> TileFiles::read(const TileName& name) const {
  const std::filesystem::path path = path_of(name);
  const std::string content = TRY(read_file(path, kTileBytes));
  if (content.size() == kTileBytes) return hashes_in(content);
  return Error(Code::Internal, path.string() + ": not a full tile");
}

Result<void> TileFiles::write(const TileName& name, const Hashes& hashes) const {
  KW_ASSERT(hashes.size() == kTileWidth);
  const std::filesystem::path path = path_of(name);
  TRY(make_folder(path.parent_path()));
  std::filesystem::path fresh = path;
  fresh += ".new";
  TRY(write_whole(fresh, bytes_of(hashes)));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return no_tile("rename", fresh, errno);
  return {};
}

Result<void> TileFiles::sync(const TileName& name) const {
  const std::filesystem::path path = path_of(name);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.get()) != 0) return no_tile("sync", path, errno);
  return sync_up(path.parent_path());
}

Hashes TileFiles::read_partial(const TileName& name, std::size_t most) const {
  for (std::size_t width = std::min(most, kTileWidth - 1); width > 0; --width) {
    const auto content = read_file(folder_of_partials(name) / std::to_string(width), kTileBytes);
    if (content && content->size() == width * kHashSize) return hashes_in(*content);
  }
  return {};
}

Result<void> TileFiles::write_partial(const TileName& name, const Hashes& hashes) const {
  const std::filesystem::path folder = folder_of_partials(name);
  const bool is_new = TRY(make_folder(folder));
  const Bytes bytes = bytes_of(hashes);
  TRY(write_file(folder / std::to_string(hashes.size()), as_text(bytes), kTileMode));
  if (is_new) return sync_up(folder.parent_path());
  return {};
}

Result<void> TileFiles::remove_partials(const TileName& name, std::size_t but_width) const {
  const std::filesystem::path folder = folder_of_partials(name);
  std::error_code failure;
  for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (at->path().filename() == std::to_string(but_width)) continue;
    std::filesystem::remove(at->path(), failure);
  }
  if (failure == std::errc::no_such_file_or_directory) return {};
  if (failure) return no_tile("clear", folder, failure.value());
  if (but_width == 0) std::filesystem::remove(folder, failure);
  return {};
}

// Whether it is new. The log's own folder is never made: where somebody moved it away, another in
// its place would be in the way of its return.
Result<bool> TileFiles::make_folder(const std::filesystem::path& folder) const {
  std::filesystem::path at = folder_.parent_path();
  bool is_new = false;
  for (const std::filesystem::path& name : folder.lexically_relative(at)) {
    at /= name;
    is_new = ::mkdir(at.c_str(), 0777) == 0;
    if (!is_new && errno != EEXIST) return no_tile("make", at, errno);
  }
  return is_new;
}

// Makes the names on the way from the log's folder down durable.
Result<void> TileFiles::sync_up(std::filesystem::path folder) const {
  for (; folder != folder_.parent_path(); folder = folder.parent_path()) {
    TRY(sync_directory(folder));
  }
  return sync_directory(folder);
}

Result<void> TileFiles::remove_all() const {
  std::error_code failure;
  std::filesystem::remove_all(folder_, failure);
  if (failure) return no_tile("remove", folder_, failure.value());
  return {};
}

}  // namespace kw::audit
