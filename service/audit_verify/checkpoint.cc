// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/checkpoint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/owned.h"

namespace kw::audit_verify {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";
constexpr std::size_t kIdSize = 4;
constexpr std::size_t kMostLines = 64;
constexpr std::uint8_t kEd25519 = 1;
constexpr std::uint8_t kEcdsa = 2;

using KeyPointer = Owned<EVP_PKEY, EVP_PKEY_free>;
using ContextPointer = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

Error bad_key(const char* why) {
  return Error(Code::InvalidArgument, std::string("no verifier key: ") + why);
}

Error bad_note(const char* why) {
  return Error(Code::InvalidArgument, std::string("no checkpoint: ") + why);
}

std::string first_bytes(const Sha256Digest& digest) {
  return std::string(digest.begin(), digest.begin() + kIdSize);
}

KeyPointer load_key(const Bytes& key, bool is_ed25519) {
  if (is_ed25519) {
    return KeyPointer(
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  }
  const unsigned char* at = key.data();
  KeyPointer loaded(d2i_PUBKEY(nullptr, &at, static_cast<long>(key.size())));
  const bool fits = loaded && at == key.data() + key.size() &&
                    EVP_PKEY_get_base_id(loaded.get()) == EVP_PKEY_EC &&
                    EVP_PKEY_get_bits(loaded.get()) == 256;
  return fits ? std::move(loaded) : KeyPointer();
}

bool verifies(const Bytes& key, bool is_ed25519, ByteView text, ByteView signature) {
  const KeyPointer loaded = load_key(key, is_ed25519);
  const ContextPointer context(EVP_MD_CTX_new());
  const EVP_MD* const hash = is_ed25519 ? nullptr : EVP_sha256();
  return loaded && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, loaded.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), text.data(),
                          text.size()) == 1;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Result<Checkpoint> read_text(const VerifierKey& key, std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.size() < 3 || lines[0] != key.name()) return bad_note("of another log");
  Checkpoint checkpoint;
  const std::string_view size = lines[1];
  const auto [stop, error] =
      std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  if (error != std::errc() || std::to_string(checkpoint.size) != size) {
    return bad_note("its size is no number");
  }
  const Result<Bytes> root = decode_base64(lines[2]);
  if (!root || root->size() != checkpoint.root.size()) return bad_note("its root is no hash");
  std::copy(root->begin(), root->end(), checkpoint.root.begin());
  return checkpoint;
}

}  // namespace

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos || first == 0) return bad_key("NAME+ID+BASE64 is wanted");
  const Result<Bytes> encoded = decode_base64(text.substr(second + 1));
  if (!encoded || encoded->size() < 2) return bad_key("its key is no base64");
  VerifierKey key;
  key.name_ = text.substr(0, first);
  key.is_ed25519_ = encoded->front() == kEd25519;
  key.key_ = to_bytes(ByteView(*encoded).subspan(1));
  const std::string hashed = key.name_ + "\n" + std::string(as_text(*encoded));
  key.id_ = first_bytes(key.is_ed25519_ ? sha256(as_bytes(hashed)) : sha256(key.key_));
  if (!key.is_ed25519_ && encoded->front() != kEcdsa) return bad_key("of an unknown type");
  if (!load_key(key.key_, key.is_ed25519_)) return bad_key("not of its type");
  if (text.substr(first + 1, second - first - 1) != to_hex(as_bytes(key.id_))) {
    return bad_key("its id is not the key's");
  }
  return key;
}

VerifierKey::Claim VerifierKey::check(std::string_view line, std::string_view text) const {
  const std::string front = std::string(kDash) + name_ + " ";
  if (!line.starts_with(front)) return Claim::Others;
  const Result<Bytes> bytes = decode_base64(line.substr(front.size()));
  if (!bytes || bytes->size() <= kIdSize) return Claim::Bad;
  if (as_text(ByteView(*bytes).first(kIdSize)) != id_) return Claim::Others;
  const ByteView signature = ByteView(*bytes).subspan(kIdSize);
  return verifies(key_, is_ed25519_, as_bytes(text), signature) ? Claim::Good : Claim::Bad;
}

Result<Checkpoint> open_checkpoint(const VerifierKey& key, std::string_view note) {
  const std::size_t gap = note.rfind("\n\n");
  if (gap == std::string_view::npos || !note.ends_with('\n')) return bad_note("no signed note");
  const std::string_view text = note.substr(0, gap + 1);
  const std::vector<std::string_view> lines = lines_of(note.substr(gap + 2));
  if (lines.size() > kMostLines) return bad_note("too many signatures");
  bool good = false;
  for (const std::string_view line : lines) {
    const VerifierKey::Claim claim = key.check(line, text);
    if (claim == VerifierKey::Claim::Bad) return bad_note("its signature is not the key's");
    good = good || claim == VerifierKey::Claim::Good;
  }
  if (!good) return bad_note("not signed by this key");
  return read_text(key, text);
}

}  // namespace kw::audit_verify
