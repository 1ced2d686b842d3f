// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace kw::config {

// PinReference says where the PIN lies; it never holds the PIN.
class PinReference {
 public:
  enum class Source { File, Environment, Credential };

  // Takes `file:PATH` (relative to `folder`), `env:NAME` or `credential:NAME` (systemd's
  // $CREDENTIALS_DIRECTORY/NAME). Errors: InvalidArgument, advised; the text is not repeated in it,
  // for it may be a PIN.
  static Result<PinReference> parse(std::string_view text, const std::filesystem::path& folder);

  // Reads the PIN, at start and before other threads run. A file must be closed to others: no bits
  // for group or world, but that a file of root's may be group-readable. Errors: NotFound,
  // FailedPrecondition (file open to others; the detail says what to chmod), InvalidArgument (an
  // empty PIN), Unavailable.
  Result<Secret> read() const;

  Source source() const noexcept { return source_; }
  const std::string& name() const noexcept { return name_; }  // path, variable or credential

 private:
  PinReference(Source source, std::string name) : source_(source), name_(std::move(name)) {}

  Source source_;
  std::string name_;
};

}  // namespace kw::config
