// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit/tree.h"

namespace kw::audit {

// NoteKey is the public half of the key that signs checkpoints, as C2SP signed-note names it. Its
// name, which is the log's origin too, is made of the key: "keyward/" and the first 16 hexadecimal
// digits of the SHA-256 of its SubjectPublicKeyInfo.
class NoteKey {
 public:
  enum class Kind : std::uint8_t { Ed25519 = 0x01, Ecdsa = 0x02 };

  // `public_key` is a SubjectPublicKeyInfo, DER, of the kind.
  NoteKey(Kind kind, ByteView public_key);

  const std::string& name() const noexcept { return name_; }

  // What a verifier is given: NAME+ID+BASE64.
  std::string verifier_key() const;

  // "— NAME BASE64" and a newline, from the signature of a note's text: 64 bytes, or ECDSA's DER.
  std::string signature_line(ByteView signature) const;

  // The signature in a line that this key could have written. Errors: InvalidArgument.
  Result<Bytes> signature_in(std::string_view line) const;

 private:
  std::string name_;
  std::array<std::uint8_t, 4> id_{};
  Bytes encoded_;  // the kind, then the key as the kind has it
};

// What is signed: origin, size and root, a line each (C2SP tlog-checkpoint).
std::string checkpoint_text(const NoteKey& key, const TreeHead& head);

// A checkpoint: that text, an empty line, the signature's line.
std::string checkpoint_note(const NoteKey& key, const std::string& text, ByteView signature);

// ReadCheckpoint is a checkpoint that this service wrote, taken apart; its signature is not checked
// yet.
struct ReadCheckpoint {
  TreeHead head;
  std::string text;
  Bytes signature;
};

// Accepts what checkpoint_note writes with this key, and nothing else. Errors: InvalidArgument.
Result<ReadCheckpoint> read_checkpoint(const NoteKey& key, std::string_view note);

}  // namespace kw::audit
