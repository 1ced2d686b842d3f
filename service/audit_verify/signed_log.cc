// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/signed_log.h"

#include <system_error>
#include <utility>

#include "base/file.h"

namespace kw::audit_verify {
namespace {

constexpr std::size_t kMaxNote = 64u << 10;

Error in_file(const std::filesystem::path& file, const Error& error) {
  return Error(error.code(), file.string() + ": " + error.detail());
}

// Heads are the checkpoints that are believed, and the notes that they stand in.
struct Heads {
  std::vector<SignedHead> believed;
  std::vector<std::string> notes;
};

Result<void> read_head(const VerifierKey& key, const std::filesystem::path& file, Heads& heads) {
  std::string note = TRY(read_file(file, kMaxNote));
  const Result<Checkpoint> checkpoint = open_checkpoint(key, note);
  if (!checkpoint) return in_file(file, checkpoint.error());
  heads.believed.push_back({file, *checkpoint});
  heads.notes.push_back(std::move(note));
  return {};
}

// The most that this witness says in any of the notes. Errors: NotFound, InvalidArgument.
Result<Cosigned> most_cosigned(const CosignerKey& witness, const std::vector<std::string>& notes) {
  Result<Cosigned> most = Error(Code::NotFound, "no checkpoint is cosigned by " + witness.name());
  for (const std::string& note : notes) {
    Result<Cosigned> found = find_cosignature(witness, note);
    if (!found && found.error().code() != Code::NotFound) return found;
    const auto rank = [](const Cosigned& each) { return std::pair(each.size, each.time); };
    if (found && (!most || rank(*found) > rank(*most))) most = std::move(found);
  }
  return most;
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

Result<Verdict> verify_cosigned(const Folders& folders, const Trust& trust, const Heads& heads) {
  std::vector<Cosigned> cosigned;
  for (const CosignerKey& witness : trust.witnesses) {
    Result<Cosigned> most = most_cosigned(witness, heads.notes);
    if (!most) {
      Verdict verdict = fault_in(folders.log / kCosignedFile, most.error());
      verdict.what = most.error().detail();
      return verdict;
    }
    cosigned.push_back(*std::move(most));
  }
  Verdict verdict = TRY(verify(folders, heads.believed));
  verdict.cosigned = std::move(cosigned);
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
  const bool brings_trust = trust.key || trust.checkpoint || !trust.witnesses.empty();
  if (!is_folder || (trust.records_alone && !brings_trust)) return verify(folders);
  const Result<VerifierKey> key = read_verifier_key(trust.key.value_or(own_key));
  if (!key && trust.key) return key.error();
  if (!key) return fault_in(own_key, key.error());
  Heads heads;
  if (trust.checkpoint) TRY(read_head(*key, *trust.checkpoint, heads));
  const Result<void> newest = read_head(*key, own_checkpoint, heads);
  if (!newest && !trust.records_alone) return fault_in(own_checkpoint, newest.error());
  if (trust.witnesses.empty()) return verify(folders, heads.believed);
  const std::filesystem::path own_cosigned = folders.log / kCosignedFile;
  const Result<void> cosigned = read_head(*key, own_cosigned, heads);
  const bool is_bad = !cosigned && cosigned.error().code() != Code::NotFound;
  if (is_bad) return fault_in(own_cosigned, cosigned.error());
  return verify_cosigned(folders, trust, heads);
}

}  // namespace kw::audit_verify
