// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_verify {

// Finding is the verdict on a log; its number is the exit code of `keyward audit verify`.
enum class Finding { Good = 0, Tampered = 1, Truncated = 2, TornTail = 3 };

struct Verdict {
  Finding finding = Finding::Good;
  std::uint64_t records = 0;         // good ones, before the first fault
  Sha256Digest last_leaf{};          // of the last good one
  std::uint64_t signed_records = 0;  // so many are under a checkpoint that was checked

  // The first fault, unless the finding is Good.
  std::filesystem::path file;
  std::uint64_t offset = 0;  // where the record begins that cannot be right
  std::uint64_t index = 0;   // of the record there
  std::string what;
};

// SignedHead is a checkpoint that was believed, and the file that it stands in.
struct SignedHead {
  std::filesystem::path source;
  Checkpoint checkpoint;
};

// Checks a log from its first byte to its last: framing, checksums, encoding, order and chain; and
// that its first records are those of every signed head, root for root.
// Needs no token, and shares no code with the writer. A running writer does no harm: what it writes
// meanwhile is seen as a torn tail at worst. Errors: NotFound (no such folder), Unavailable.
Result<Verdict> verify(const std::filesystem::path& folder,
                       const std::vector<SignedHead>& heads = {});

// Yields the records from index `first` on, in order, until the callback says false, the log ends
// or a torn tail begins. The record lasts as long as the call. Errors: NotFound, Unavailable,
// Internal (a fault that no crash explains; the detail names it).
Result<void> read_records(const std::filesystem::path& folder, std::uint64_t first,
                          const std::function<bool(const DecodedRecord&)>& callback);

}  // namespace kw::audit_verify
