// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/signed_log.h"

#include <system_error>

#include "base/file.h"

namespace kw::audit_verify {
namespace {

constexpr std::size_t kMaxNote = 64u << 10;

Error in_file(const std::filesystem::path& file, const Error& error) {
  return Error(error.code(), file.string() + ": " + error.detail());
}

Result<SignedHead> read_head(const VerifierKey& key, const std::filesystem::path& file) {
  const std::string note = TRY(read_file(file, kMaxNote));
  const Result<Checkpoint> checkpoint = open_checkpoint(key, note);
  if (!checkpoint) return in_file(file, checkpoint.error());
  return SignedHead{file, *checkpoint};
}

// A fault of a file that the log's folder should hold.
Verdict fault_in(const std::filesystem::path& file, const Error& error) {
  Verdict verdict;
  const bool missing = error.code() == Code::NotFound;
  verdict.finding = missing ? Finding::Truncated : Finding::Tampered;
  verdict.file = file;
  verdict.what = missing ? "missing: nothing says how long the log was" : error.detail();
  return verdict;
}

}  // namespace

Result<VerifierKey> read_verifier_key(const std::filesystem::path& file) {
  const std::string text = TRY(read_file(file, kMaxNote));
  Result<VerifierKey> key = VerifierKey::parse(text);
  if (!key) return in_file(file, key.error());
  return key;
}

Result<Verdict> verify_signed(const Folders& folders, const Trust& trust) {
  const std::filesystem::path own_key = folders.log / kVerifierKeyFile;
  const std::filesystem::path own_checkpoint = folders.log / kCheckpointFile;
  std::error_code failure;
  const bool is_folder = std::filesystem::is_directory(folders.log, failure);
  if (!is_folder || (trust.records_alone && !trust.key && !trust.checkpoint)) {
    return verify(folders);
  }
  const Result<VerifierKey> key = read_verifier_key(trust.key.value_or(own_key));
  if (!key && trust.key) return key.error();
  if (!key) return fault_in(own_key, key.error());
  std::vector<SignedHead> heads;
  if (trust.checkpoint) heads.push_back(TRY(read_head(*key, *trust.checkpoint)));
  Result<SignedHead> newest = read_head(*key, own_checkpoint);
  if (newest) {
    heads.push_back(*std::move(newest));
  } else if (!trust.records_alone) {
    return fault_in(own_checkpoint, newest.error());
  }
  return verify(folders, heads);
}

}  // namespace kw::audit_verify
