// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::audit_verify {

// VerifierKey is the public key that an auditor trusts: "NAME+ID+BASE64" (C2SP signed-note), of an
// Ed25519 key (type 01) or an ECDSA key on P-256 (type 02).
class VerifierKey {
 public:
  // One trailing newline is allowed. Errors: InvalidArgument (no such text; the id is not the
  // key's).
  static Result<VerifierKey> parse(std::string_view text);

  const std::string& name() const noexcept { return name_; }

  // Whether `line`, "— NAME BASE64", claims to be this key's, and if so whether it is `text`'s.
  enum class Claim { Others, Good, Bad };
  Claim check(std::string_view line, std::string_view text) const;

 private:
  VerifierKey() = default;

  std::string name_;
  std::string id_;  // four bytes
  bool is_ed25519_ = true;
  Bytes key_;  // 32 bytes, or a SubjectPublicKeyInfo
};

// Checkpoint is a tree head that the key has signed (C2SP tlog-checkpoint).
struct Checkpoint {
  std::uint64_t size = 0;
  Sha256Digest root{};
};

// Reads a signed note and believes it only if the key signed it; lines of other keys (witnesses)
// are passed over. Errors: InvalidArgument, saying what is wrong.
Result<Checkpoint> open_checkpoint(const VerifierKey& key, std::string_view note);

}  // namespace kw::audit_verify
