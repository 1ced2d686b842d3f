// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/cosignature.h"
#include "service/audit_verify/decoded_record.h"
#include "service/audit_verify/segment_list.h"

namespace kw::audit_verify {

// Finding is the verdict on a log; its number is the exit code of `keyward audit verify`.
enum class Finding { Good = 0, Tampered = 1, Truncated = 2, TornTail = 3 };

struct Verdict {
  Finding finding = Finding::Good;
  std::uint64_t records = 0;         // good ones, before the first fault
  Sha256Digest last_leaf{};          // of the last good one
  std::uint64_t signed_records = 0;  // so many are under a checkpoint that was checked
  std::uint64_t withheld = 0;        // of so many the log itself says that nobody got the answer
  std::vector<Cosigned> cosigned;    // what the trusted witnesses say, each its most

  // The first fault, unless the finding is Good.
  std::filesystem::path file;
  std::uint64_t offset = 0;  // where the record begins that cannot be right
  std::uint64_t index = 0;   // of the record there
  std::string what;
};

// The fault of a verdict that is not Good, where no fault may be: Internal.
Error fault_of(const Verdict& verdict);

// SignedHead is a checkpoint that was believed, and the file that it stands in.
struct SignedHead {
  std::filesystem::path source;
  Checkpoint checkpoint;
};

// Checks a log from its first byte to its last: framing, checksums, encoding, order and chain; and
// that its first records are those of every signed head, root for root.
// Needs no token, and shares no code with the writer. A running writer does no harm: what it writes
// meanwhile is seen as a torn tail at worst. Errors: NotFound (no such folder), FailedPrecondition
// (two files for one segment), Unavailable.
Result<Verdict> verify(const Folders& folders, const std::vector<SignedHead>& heads = {});

// SealedSegment is what a whole segment says of its place in the log.
struct SealedSegment {
  std::uint64_t next_index = 0;  // behind its seal
  Sha256Digest previous_leaf{};  // of the record before its first
  Sha256Digest last_leaf{};
  std::uint64_t latest_time = 0;  // the highest of its records' times, microseconds
};

// Checks one segment by itself, to its seal and the end of its file. Errors: Unavailable, Internal
// (it is not whole; the detail says where).
Result<SealedSegment> check_sealed(const Segment& segment);

}  // namespace kw::audit_verify
