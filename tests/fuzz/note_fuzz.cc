// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit/checkpoint.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/proof.h"

namespace {

// The example's key of docs/audit-format.md, for both sides.
const char* const kVerifierKey =
    "keyward/06e3fd8fda29bb60+470c211e+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const char* const kPublicKey =
    "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

}  // namespace

// Nothing but a signed note is believed; what the service takes as its own has one spelling; a
// proof is written as it was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kw::audit::NoteKey;
  static const auto key = kw::audit_verify::VerifierKey::parse(kVerifierKey).value();
  static const NoteKey note_key(NoteKey::Kind::Ed25519, kw::decode_hex(kPublicKey).value());
  const std::string text(kw::as_text({data, size}));
  (void)kw::audit_verify::VerifierKey::parse(text);
  (void)kw::audit_verify::open_checkpoint(key, text);
  if (const auto read = kw::audit::read_checkpoint(note_key, text)) {
    KW_ASSERT(kw::audit::checkpoint_note(note_key, read->text, read->signature) == text);
  }
  if (const auto receipt = kw::audit_verify::parse_receipt(text)) {
    KW_ASSERT(text.size() > 2 * receipt->leaf.size());
  }
  if (const auto proof = kw::audit_verify::parse_log_proof(text)) {
    const auto again = kw::audit_verify::parse_log_proof(kw::audit_verify::to_text(*proof));
    KW_ASSERT(again && again->index == proof->index && again->path == proof->path &&
              again->note == proof->note);
  }
  return 0;
}
