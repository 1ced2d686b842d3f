// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/signed_note.h"

#include <algorithm>
#include <charconv>

namespace kw::audit_verify {
namespace {

constexpr std::string_view kLineStart = "\xe2\x80\x94 ";
constexpr std::size_t kMostLines = 64;
constexpr std::size_t kIdBytes = 4;

Error bad_form(const char* why) {
  return Error(Code::InvalidArgument, std::string("no checkpoint: ") + why);
}

Error bad_vkey(const char* why) {
  return Error(Code::InvalidArgument, std::string("no verifier key: ") + why);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c != '\n' && static_cast<unsigned char>(c) < 0x20; });
}

// "— NAME BASE64", whoever it is by.
bool is_signature_line(std::string_view line) {
  if (!line.starts_with(kLineStart)) return false;
  line.remove_prefix(kLineStart.size());
  const std::size_t space = line.find(' ');
  const std::string_view name = line.substr(0, space);
  return space != std::string_view::npos && !name.empty() && name.find('+') == name.npos &&
         space + 1 < line.size();
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<SignedNote> split_note(std::string_view note) {
  const std::size_t gap = note.rfind("\n\n");
  if (gap == std::string_view::npos || !note.ends_with('\n')) return bad_form("no signed note");
  if (!is_utf8(note) || has_control(note)) return bad_form("no text");
  SignedNote split{note.substr(0, gap + 1), lines_of(note.substr(gap + 2))};
  if (split.signatures.size() > kMostLines) return bad_form("too many signatures");
  const bool whole =
      !split.signatures.empty() &&
      std::all_of(split.signatures.begin(), split.signatures.end(), is_signature_line);
  if (!whole) return bad_form("its signatures are none");
  return split;
}

Result<SignatureLine> read_signature_line(std::string_view line, std::string_view name) {
  const std::string front = std::string(kLineStart) + std::string(name) + " ";
  if (!line.starts_with(front)) return Error(Code::NotFound, "signed by another");
  const Result<Bytes> bytes = decode_base64(line.substr(front.size()));
  if (!bytes || bytes->size() <= kIdBytes) return bad_form("a signature is no base64");
  const ByteView view(*bytes);
  return SignatureLine{std::string(as_text(view.first(kIdBytes))),
                       to_bytes(view.subspan(kIdBytes))};
}

Result<EncodedKey> split_key(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos || first == 0) return bad_vkey("NAME+ID+BASE64 is wanted");
  const std::string_view name = text.substr(0, first);
  if (!is_utf8(name) || has_control(name) || name.find_first_of(" \n\x7f") != name.npos) {
    return bad_vkey("its name is none");
  }
  const Result<Bytes> encoded = decode_base64(text.substr(second + 1));
  if (!encoded || encoded->size() < 2) return bad_vkey("its key is no base64");
  EncodedKey key;
  key.name = name;
  key.id = text.substr(first + 1, second - first - 1);
  key.type = encoded->front();
  key.key = to_bytes(ByteView(*encoded).subspan(1));
  return key;
}

std::string key_id_of(const EncodedKey& key) {
  std::string hashed = key.name + "\n";
  hashed.push_back(static_cast<char>(key.type));
  hashed += as_text(key.key);
  const Sha256Digest digest = sha256(as_bytes(hashed));
  return std::string(digest.begin(), digest.begin() + kIdBytes);
}

Result<CheckpointText> read_checkpoint_text(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  const bool gaps =
      std::any_of(lines.begin(), lines.end(), [](std::string_view line) { return line.empty(); });
  if (lines.size() < 3 || gaps) return bad_form("origin, size and root are wanted");
  CheckpointText read;
  read.origin = lines[0];
  const std::string_view size = lines[1];
  const auto [stop, error] = std::from_chars(size.data(), size.data() + size.size(), read.size);
  if (error != std::errc() || std::to_string(read.size) != size) {
    return bad_form("its size is no number");
  }
  const Result<Bytes> root = decode_base64(lines[2]);
  if (!root || root->size() != read.root.size()) return bad_form("its root is no hash");
  std::copy(root->begin(), root->end(), read.root.begin());
  return read;
}

}  // namespace kw::audit_verify
