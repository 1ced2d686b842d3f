// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "service/audit_verify/proof.h"
#include "service/audit_verify/signed_note.h"

namespace kw::witness {

// AddCheckpoint is the body of an add-checkpoint request (C2SP tlog-witness), as views into it.
// Nothing of it is believed yet.
struct AddCheckpoint {
  std::uint64_t old_size = 0;
  audit_verify::Hashes proof;
  audit_verify::SignedNote note;
  audit_verify::CheckpointText checkpoint;
};

// Accepts that form and no other. Errors: InvalidArgument, advised.
Result<AddCheckpoint> parse_add_checkpoint(std::string_view body);

}  // namespace kw::witness
