// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace kw::sandbox {

// Sandbox is a folder with everything a server needs to run on this machine, and three clients.
struct Sandbox {
  std::filesystem::path directory;  // absolute
  std::filesystem::path config;     // directory/keyward.yaml
  bool made = false;                // by this call; false: it was there and is used as it is
};

// Makes the sandbox in `directory`, or takes the complete one that is there: a SoftHSM token, a
// private CA (whose key is thrown away), a server certificate, the clients admin, app and auditor,
// a policy and a configuration that listens on `listen`. A folder that a crash left half-made is
// made anew; a folder with other things in it is left alone. Must not run while SoftHSM is in use
// in this process. Errors: InvalidArgument (`listen`), FailedPrecondition (the folder is not ours,
// a file is missing, or another process is making it), Unavailable (disk or token).
Result<Sandbox> prepare_sandbox(const std::filesystem::path& directory, const std::string& listen);

}  // namespace kw::sandbox
