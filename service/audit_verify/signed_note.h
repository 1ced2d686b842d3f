// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::audit_verify {

// SignedNote is a text and the lines that sign it (C2SP signed-note), as views into what it was
// split from. Nothing of it is believed yet.
struct SignedNote {
  std::string_view text;                     // with its last newline
  std::vector<std::string_view> signatures;  // "— NAME BASE64" each, without their newlines
};

// Errors: InvalidArgument (no such form, not UTF-8, a control character, more than 64 lines).
Result<SignedNote> split_note(std::string_view note);

// The base64 part of a line that is by `name`, decoded: a key's id, four bytes, and the signature.
struct SignatureLine {
  std::string id;
  Bytes signature;
};
// Errors: NotFound (a line of another name), InvalidArgument (no base64 of five bytes or more).
Result<SignatureLine> read_signature_line(std::string_view line, std::string_view name);

// "NAME+ID+BASE64", taken apart; whether ID is the key's is not looked at.
struct EncodedKey {
  std::string name;
  std::string id;  // eight hexadecimal digits
  std::uint8_t type = 0;
  Bytes key;
};
// One trailing newline is allowed. Errors: InvalidArgument.
Result<EncodedKey> split_key(std::string_view text);

// The first four bytes of SHA-256(NAME · 0a · type · key), the id that signed-note recommends.
std::string key_id_of(const EncodedKey& key);

// The lines of a text, without their newlines.
std::vector<std::string_view> lines_of(std::string_view text);

// CheckpointText is what the first three lines of a checkpoint's text say (C2SP tlog-checkpoint);
// more lines may follow.
struct CheckpointText {
  std::string_view origin;
  std::uint64_t size = 0;
  Sha256Digest root{};
};
// Errors: InvalidArgument.
Result<CheckpointText> read_checkpoint_text(std::string_view text);

}  // namespace kw::audit_verify
