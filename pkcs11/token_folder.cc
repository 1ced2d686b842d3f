// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/token_folder.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string>
#include <system_error>

#include "base/bytes.h"

namespace kw::pkcs11 {
namespace {

constexpr unsigned kMode = 0600;
constexpr std::size_t kWord = 8;  // SoftHSM writes every number as 64 bits, big-endian

// How many bytes an attribute's value takes, with its length; nothing for a kind that a token's own
// object does not have.
std::optional<std::uint64_t> size_of_value(std::uint64_t kind, ByteView rest) {
  constexpr std::uint64_t kBoolean = 1;
  constexpr std::uint64_t kNumber = 2;
  constexpr std::uint64_t kBytes = 3;
  if (kind == kBoolean) return 1;
  if (kind == kNumber) return kWord;
  if (kind != kBytes || rest.size() < kWord) return std::nullopt;
  const std::uint64_t length = read_u64(rest);
  if (length > rest.size() - kWord) return std::nullopt;
  return kWord + length;
}

// The types of the attributes in a token.object: a generation, then type, kind and value of each.
// Nothing if this is no whole file.
std::optional<std::set<std::uint64_t>> attributes_in(ByteView content) {
  if (content.size() <= kWord) return std::nullopt;
  std::set<std::uint64_t> types;
  for (ByteView rest = content.subspan(kWord); !rest.empty();) {
    if (rest.size() < 2 * kWord) return std::nullopt;
    const std::uint64_t type = read_u64(rest);
    const std::uint64_t kind = read_u64(rest.subspan(kWord));
    rest = rest.subspan(2 * kWord);
    const auto size = size_of_value(kind, rest);
    if (!size || *size > rest.size()) return std::nullopt;
    types.insert(type);
    rest = rest.subspan(*size);
  }
  return types;
}

// What was once whole never has fewer attributes later.
bool is_whole(std::string_view found, std::string_view kept) {
  const auto types = attributes_in(as_bytes(found));
  if (!types) return false;
  const auto needed = attributes_in(as_bytes(kept));
  return !needed || std::ranges::includes(*types, *needed);
}

// A file's content; empty where there is none.
Result<std::string> content_of(const std::filesystem::path& path) {
  Result<std::string> content = read_file(path);
  if (!content && content.error().code() == Code::NotFound) return std::string();
  return content;
}

Result<void> guard_token(const std::filesystem::path& token) {
  const std::filesystem::path object = token / "token.object";
  const std::filesystem::path copy = token.string() + ".kept";
  const std::string found = TRY(content_of(object));
  const std::string kept = TRY(content_of(copy));
  if (is_whole(found, kept)) {
    if (found == kept) return {};
    return write_file(copy, found, kMode);
  }
  if (kept.empty()) return {};  // torn before we ever saw it whole: the module will say so
  return write_file(object, kept, kMode);
}

Result<FileDescriptor> lock_folder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "keyward.lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!lock.is_open()) return Error(Code::Unavailable, "cannot open " + path.string());
  int status = 0;
  do {
    status = ::flock(lock.get(), LOCK_EX);
  } while (status != 0 && errno == EINTR);
  if (status != 0) return Error(Code::Unavailable, "cannot lock " + path.string());
  return lock;
}

}  // namespace

Result<TokenFolder> TokenFolder::guard(const std::filesystem::path& folder) {
  FileDescriptor lock = TRY(lock_folder(folder));
  std::error_code failure;
  for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (at->is_directory(failure)) TRY(guard_token(at->path()));
  }
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  return TokenFolder(std::move(lock));
}

}  // namespace kw::pkcs11
