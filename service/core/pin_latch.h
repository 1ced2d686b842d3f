// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace kw::core {

// PinLatch is a file that stands while a refused PIN must not be tried again. Tokens lock
// themselves after a few wrong PINs; a service that is restarted in a loop would get there in
// seconds. So a refusal is written down, durably, before anything else is done, and only an
// operator lifts it. It says what happened and holds nothing of the PIN.
class PinLatch {
 public:
  // The latch that goes with a catalog.
  static PinLatch beside(const std::filesystem::path& catalog);

  const std::filesystem::path& file() const noexcept { return file_; }

  // Whether it stands. Errors: Unavailable (it cannot be said: nobody may log in).
  Result<bool> stands() const;

  // `error` is the refused login. Errors: Unavailable.
  Result<void> set(const std::string& token, const Error& error) const;

  // True if it stood. Errors: Unavailable.
  Result<bool> lift() const;

  // What who would log in asks. Errors: FailedPrecondition (it stands), Unavailable.
  Result<void> check() const;

 private:
  explicit PinLatch(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
};

}  // namespace kw::core
