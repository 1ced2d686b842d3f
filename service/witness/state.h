// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/cosignature.h"
#include "service/audit_verify/signed_note.h"

namespace kw::witness {

// KnownLog is a log that a witness looks after: the keys that may sign for its origin.
struct KnownLog {
  std::string origin;
  std::vector<audit_verify::VerifierKey> keys;

  // Whether a note's text is signed: Good by one of the keys, Bad if a line that claims to be of
  // one of them is not, else Others.
  audit_verify::VerifierKey::Claim check(const audit_verify::SignedNote& note) const;
};

// The lower-case SHA-256 of an origin, under which its newest checkpoint is kept and served.
std::string origin_hash(std::string_view origin);

// State keeps for each log the newest checkpoint that was cosigned, as a note with the cosignature:
// DIR/logs/HASH. What it holds was made durable before anybody heard of it. One process at a time.
class State {
 public:
  // Makes the folder, where need be, and takes it for this process alone.
  // Errors: FailedPrecondition (another process has it), Unavailable.
  static Result<State> open(const std::filesystem::path& folder);

  // The note of a log; nothing if none was cosigned. Errors: Unavailable.
  Result<std::optional<std::string>> find(const std::string& hash) const;
  // Its head, if the log and this witness have signed it: a file that somebody changed is none.
  // Size zero where none was cosigned. Errors: Internal (not signed), Unavailable.
  Result<audit_verify::Checkpoint> head(const KnownLog& log,
                                        const audit_verify::CosignerKey& own) const;
  // Replaces it, durably. Errors: Unavailable.
  Result<void> put(const std::string& hash, const std::string& note) const;

 private:
  State(std::filesystem::path folder, FileDescriptor lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::filesystem::path folder_;
  FileDescriptor lock_;
};

}  // namespace kw::witness
