// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/verify.h"

namespace kw::audit_verify {

// Trust is what an auditor brings along.
struct Trust {
  std::optional<std::filesystem::path> key = {};  // else the verifier key in the log's folder
  std::optional<std::filesystem::path> checkpoint = {};  // an older one, kept elsewhere
  // Each of them must have cosigned a checkpoint that the log continues.
  std::vector<CosignerKey> witnesses = {};
  bool records_alone = false;  // a log without checkpoints is good, if its records are
};

// The files in a log's folder that say what was signed, and by whom.
inline constexpr std::string_view kCheckpointFile = "checkpoint";
inline constexpr std::string_view kVerifierKeyFile = "checkpoint.vkey";
inline constexpr std::string_view kCosignedFile = "checkpoint.cosigned";

// Errors: InvalidArgument (no verifier key), NotFound, Unavailable.
Result<VerifierKey> read_verifier_key(const std::filesystem::path& file);

// verify(), and the newest checkpoint in the log's own folder against its records: a missing
// checkpoint is Truncated, one that the key did not sign is Tampered. With witnesses the log's
// cosigned checkpoint too: Truncated if one of them has cosigned neither that nor another of the
// checkpoints, Tampered if a cosignature is not its own. Errors: those of verify;
// InvalidArgument, NotFound (what `trust` names).
Result<Verdict> verify_signed(const Folders& folders, const Trust& trust);

}  // namespace kw::audit_verify
