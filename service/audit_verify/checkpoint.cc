// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/checkpoint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "service/audit_verify/signed_note.h"

namespace kw::audit_verify {
namespace {

constexpr std::size_t kIdSize = 4;
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

}  // namespace

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  EncodedKey encoded = TRY(split_key(text));
  VerifierKey key;
  key.name_ = encoded.name;
  key.is_ed25519_ = encoded.type == kEd25519;
  key.id_ = key.is_ed25519_ ? key_id_of(encoded) : first_bytes(sha256(encoded.key));
  key.key_ = std::move(encoded.key);
  if (!key.is_ed25519_ && encoded.type != kEcdsa) return bad_key("of an unknown type");
  if (!load_key(key.key_, key.is_ed25519_)) return bad_key("not of its type");
  if (encoded.id != to_hex(as_bytes(key.id_))) return bad_key("its id is not the key's");
  return key;
}

VerifierKey::Claim VerifierKey::check(std::string_view line, std::string_view text) const {
  const Result<SignatureLine> read = read_signature_line(line, name_);
  if (!read) return read.error().code() == Code::NotFound ? Claim::Others : Claim::Bad;
  if (read->id != id_) return Claim::Others;
  return verifies(key_, is_ed25519_, as_bytes(text), read->signature) ? Claim::Good : Claim::Bad;
}

Result<Checkpoint> open_checkpoint(const VerifierKey& key, std::string_view note) {
  const SignedNote split = TRY(split_note(note));
  bool good = false;
  for (const std::string_view line : split.signatures) {
    const VerifierKey::Claim claim = key.check(line, split.text);
    if (claim == VerifierKey::Claim::Bad) return bad_note("its signature is not the key's");
    good = good || claim == VerifierKey::Claim::Good;
  }
  if (!good) return bad_note("not signed by this key");
  const CheckpointText read = TRY(read_checkpoint_text(split.text));
  if (read.origin != key.name()) return bad_note("of another log");
  return Checkpoint{read.size, read.root};
}

}  // namespace kw::audit_verify
