// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::audit_verify {

// CosignerKey is the public key of a witness: a verifier key of type 04, Ed25519 (C2SP
// tlog-cosignature).
class CosignerKey {
 public:
  // One trailing newline is allowed. Errors: InvalidArgument.
  static Result<CosignerKey> parse(std::string_view text);

  const std::string& name() const noexcept { return name_; }

  // What one signature line says of a checkpoint's text.
  struct Cosignature {
    enum class Claim { Others, Good, Bad };
    Claim claim = Claim::Others;
    std::uint64_t time = 0;  // seconds since 1970, as far as the claim is good
  };
  Cosignature check(std::string_view line, std::string_view text) const;

 private:
  CosignerKey() = default;

  std::string name_;
  std::string id_;  // four bytes
  Bytes key_;
};

// Cosigned is what a witness says: at this time it knew no longer log than the first `size`
// records.
struct Cosigned {
  std::string name;
  std::uint64_t size = 0;
  std::uint64_t time = 0;  // seconds since 1970
};

// The newest good cosignature of this witness in a note that is a checkpoint. The log's own
// signature is somebody else's to check. Errors: NotFound (none is there), InvalidArgument (one is
// not the witness's, or the note is no checkpoint).
Result<Cosigned> find_cosignature(const CosignerKey& key, std::string_view note);

}  // namespace kw::audit_verify
