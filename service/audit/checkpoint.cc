// SPDX-License-Identifier: Apache-2.0
#include "service/audit/checkpoint.h"

#include <algorithm>
#include <charconv>

namespace kw::audit {
namespace {

constexpr std::string_view kDash = "\u2014 ";
constexpr std::size_t kNameDigits = 16;
constexpr std::size_t kEd25519Size = 32;  // what a SubjectPublicKeyInfo ends in (RFC 8410)

Bytes key_of_kind(NoteKey::Kind kind, ByteView public_key) {
  const bool whole = kind == NoteKey::Kind::Ecdsa;
  KW_ASSERT(public_key.size() >= kEd25519Size);
  return to_bytes(whole ? public_key : public_key.last(kEd25519Size));
}

// SHA-256(name, newline, kind, key) for Ed25519; for ECDSA that of the key alone.
Sha256Digest full_id(const std::string& name, const Bytes& encoded, NoteKey::Kind kind) {
  if (kind == NoteKey::Kind::Ecdsa) return sha256(ByteView(encoded).subspan(1));
  Bytes hashed = to_bytes(as_bytes(name));
  hashed.push_back('\n');
  append(hashed, encoded);
  return sha256(hashed);
}

Error no_checkpoint(const char* why) {
  return Error(Code::InvalidArgument, std::string("no checkpoint of this log: ") + why);
}

// Takes the text up to the next newline off the front.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

NoteKey::NoteKey(Kind kind, ByteView public_key)
    : name_("keyward/" + to_hex(sha256(public_key)).substr(0, kNameDigits)),
      encoded_{static_cast<std::uint8_t>(kind)} {
  append(encoded_, key_of_kind(kind, public_key));
  const Sha256Digest full = full_id(name_, encoded_, kind);
  std::copy_n(full.begin(), id_.size(), id_.begin());
}

std::string NoteKey::verifier_key() const {
  return name_ + "+" + to_hex(id_) + "+" + to_base64(encoded_);
}

std::string NoteKey::signature_line(ByteView signature) const {
  Bytes bytes(id_.begin(), id_.end());
  append(bytes, signature);
  return std::string(kDash) + name_ + " " + to_base64(bytes) + "\n";
}

Result<Bytes> NoteKey::signature_in(std::string_view line) const {
  const std::string front = std::string(kDash) + name_ + " ";
  if (!line.starts_with(front)) return no_checkpoint("signed by another");
  const Bytes bytes = TRY(decode_base64(line.substr(front.size())));
  if (bytes.size() <= id_.size() || !std::equal(id_.begin(), id_.end(), bytes.begin())) {
    return no_checkpoint("signed by another");
  }
  return to_bytes(ByteView(bytes).subspan(id_.size()));
}

std::string checkpoint_text(const NoteKey& key, const TreeHead& head) {
  return key.name() + "\n" + std::to_string(head.size) + "\n" + to_base64(head.root) + "\n";
}

std::string checkpoint_note(const NoteKey& key, const std::string& text, ByteView signature) {
  return text + "\n" + key.signature_line(signature);
}

Result<ReadCheckpoint> read_checkpoint(const NoteKey& key, std::string_view note) {
  std::string_view rest = note;
  const std::string_view origin = take_line(rest);
  const std::string_view size = take_line(rest);
  const std::string_view root = take_line(rest);
  const std::string_view empty = take_line(rest);
  const std::string_view line = take_line(rest);
  if (origin != key.name() || !empty.empty()) return no_checkpoint("another origin or form");
  ReadCheckpoint read;
  std::from_chars(size.data(), size.data() + size.size(), read.head.size);
  const Bytes hash = TRY(decode_base64(root));
  if (hash.size() != read.head.root.size()) return no_checkpoint("no root");
  std::copy(hash.begin(), hash.end(), read.head.root.begin());
  read.text = checkpoint_text(key, read.head);
  read.signature = TRY(key.signature_in(line));
  if (checkpoint_note(key, read.text, read.signature) != note) return no_checkpoint("its form");
  return read;
}

}  // namespace kw::audit
