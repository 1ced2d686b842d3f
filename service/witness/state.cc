// SPDX-License-Identifier: Apache-2.0
#include "service/witness/state.h"

#include <fcntl.h>
#include <sys/file.h>

namespace kw::witness {
namespace {

constexpr std::size_t kMostState = 128u << 10;

using Claim = audit_verify::VerifierKey::Claim;

Error not_ours(const std::filesystem::path& file, const char* why) {
  return Error(Code::Internal, file.string() + ": " + why);
}

}  // namespace

Claim KnownLog::check(const audit_verify::SignedNote& note) const {
  Claim verdict = Claim::Others;
  for (const std::string_view line : note.signatures) {
    for (const audit_verify::VerifierKey& key : keys) {
      const Claim claim = key.check(line, note.text);
      if (claim == Claim::Bad) return claim;
      if (claim == Claim::Good) verdict = claim;
    }
  }
  return verdict;
}

std::string origin_hash(std::string_view origin) { return to_hex(sha256(as_bytes(origin))); }

Result<State> State::open(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder / "logs", failure);
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  TRY(sync_directory(folder));
  const std::filesystem::path path = folder / "lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock.is_open()) return Error(Code::Unavailable, "cannot open " + path.string());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::FailedPrecondition, folder.string() + ": another witness runs on it");
  }
  return State(folder, std::move(lock));
}

Result<std::optional<std::string>> State::find(const std::string& hash) const {
  Result<std::string> note = read_file(folder_ / "logs" / hash, kMostState);
  if (note) return std::optional(*std::move(note));
  if (note.error().code() == Code::NotFound) return std::optional<std::string>();
  return std::move(note).error();
}

Result<audit_verify::Checkpoint> State::head(const KnownLog& log,
                                             const audit_verify::CosignerKey& own) const {
  const std::string hash = origin_hash(log.origin);
  const std::filesystem::path file = folder_ / "logs" / hash;
  const std::optional<std::string> note = TRY(find(hash));
  if (!note) return audit_verify::Checkpoint{};
  const auto split = audit_verify::split_note(*note);
  if (!split || log.check(*split) != Claim::Good) return not_ours(file, "not signed by the log");
  if (!audit_verify::find_cosignature(own, *note)) return not_ours(file, "not signed by us");
  const auto read = TRY(audit_verify::read_checkpoint_text(split->text));
  if (read.origin != log.origin) return not_ours(file, "of another log");
  return audit_verify::Checkpoint{read.size, read.root};
}

Result<void> State::put(const std::string& hash, const std::string& note) const {
  return write_file(folder_ / "logs" / hash, note);
}

}  // namespace kw::witness
