// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit_verify/checkpoint.h"

namespace kw::audit_verify {

using Hashes = std::vector<Sha256Digest>;

// Receipt is where a record stands and what its leaf hash is: "INDEX:LEAFHASH", as Keyward-Receipt
// says it.
struct Receipt {
  std::uint64_t index = 0;
  Sha256Digest leaf{};
};
// Errors: InvalidArgument.
Result<Receipt> parse_receipt(std::string_view text);

// Whether the record of `receipt` is in the tree of `checkpoint`: `path` is its audit path from the
// sibling up (RFC 9162, section 2.1.3.2). Errors: InvalidArgument, saying why not.
Result<void> check_inclusion(const Receipt& receipt, const Checkpoint& checkpoint,
                             const Hashes& path);

// Whether the tree of `newer` begins with that of `older` (RFC 9162, section 2.1.4.2).
// Errors: InvalidArgument, saying why not.
Result<void> check_consistency(const Checkpoint& older, const Checkpoint& newer,
                               const Hashes& path);

// The audit path of leaf `index` among all of a tree's leaves.
Hashes inclusion_path(std::span<const Sha256Digest> leaves, std::uint64_t index);

// Hashes side by side, 32 bytes each. Errors: InvalidArgument.
Result<Hashes> split_hashes(ByteView bytes);

// LogProof is an inclusion proof with its checkpoint: what one keeps to prove a record without the
// log (C2SP tlog-proof, ".tlog-proof").
struct LogProof {
  std::uint64_t index = 0;
  Hashes path;
  std::string note;
};
std::string to_text(const LogProof& proof);
// Errors: InvalidArgument.
Result<LogProof> parse_log_proof(std::string_view text);

// All of it: the key signed the note, and the record is under it.
// Errors: InvalidArgument, saying why not.
Result<Checkpoint> check_log_proof(const VerifierKey& key, const Receipt& receipt,
                                   const LogProof& proof);

}  // namespace kw::audit_verify
