// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "base/file.h"
#include "base/result.h"

namespace kw::pkcs11 {

// TokenFolder guards SoftHSM's own folder while a process logs in. C_Login empties `token.object`,
// which holds the wrapped key of all others, and writes it anew without a sync (SoftHSM 2.6.1): a
// kill in between, or a power cut for seconds after, leaves it torn, and all keys are lost. So a
// copy of each is kept beside the tokens, as NAME.kept, from before the login.
class TokenFolder {
 public:
  // Waits until no other process that does this logs in; puts back what a login tore; keeps,
  // durably, a copy of what is whole. To be held until C_Login is over, from before C_Initialize,
  // which reads the files. Errors: Unavailable.
  static Result<TokenFolder> guard(const std::filesystem::path& folder);

 private:
  explicit TokenFolder(FileDescriptor lock) : lock_(std::move(lock)) {}

  FileDescriptor lock_;
};

}  // namespace kw::pkcs11
