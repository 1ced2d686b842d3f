// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/cosignature.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/owned.h"
#include "service/audit_verify/signed_note.h"

namespace kw::audit_verify {
namespace {

constexpr std::uint8_t kCosignature = 4;
constexpr std::size_t kTimeSize = 8;
constexpr std::size_t kEd25519SignatureSize = 64;
constexpr std::uint64_t kMostTime = ~std::uint64_t{0} >> 1;

Error bad_cosigner(const char* why) {
  return Error(Code::InvalidArgument, std::string("no verifier key of a witness: ") + why);
}

using CosignerPointer = Owned<EVP_PKEY, EVP_PKEY_free>;

CosignerPointer load_cosigner(const Bytes& key) {
  return CosignerPointer(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
}

bool signs(const Bytes& key, std::string_view message, ByteView signature) {
  const CosignerPointer loaded = load_cosigner(key);
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const ByteView bytes = as_bytes(message);
  return loaded && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, loaded.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes.data(),
                          bytes.size()) == 1;
}

}  // namespace

Result<CosignerKey> CosignerKey::parse(std::string_view text) {
  EncodedKey encoded = TRY(split_key(text));
  if (encoded.type != kCosignature) return bad_cosigner("of another type than 04");
  CosignerKey key;
  key.id_ = key_id_of(encoded);
  if (encoded.id != to_hex(as_bytes(key.id_))) return bad_cosigner("its id is not the key's");
  key.name_ = std::move(encoded.name);
  key.key_ = std::move(encoded.key);
  if (!load_cosigner(key.key_)) return bad_cosigner("no Ed25519 key");
  return key;
}

CosignerKey::Cosignature CosignerKey::check(std::string_view line, std::string_view text) const {
  using Claim = Cosignature::Claim;
  const Result<SignatureLine> read = read_signature_line(line, name_);
  if (!read) return {read.error().code() == Code::NotFound ? Claim::Others : Claim::Bad, 0};
  if (read->id != id_) return {};
  const ByteView stamped(read->signature);
  if (stamped.size() != kTimeSize + kEd25519SignatureSize) return {Claim::Bad, 0};
  const std::uint64_t time = read_u64(stamped);
  if (time == 0 || time > kMostTime) return {Claim::Bad, 0};
  const std::string message =
      "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
  if (!signs(key_, message, stamped.subspan(kTimeSize))) return {Claim::Bad, 0};
  return {Claim::Good, time};
}

Result<Cosigned> find_cosignature(const CosignerKey& key, std::string_view note) {
  using Claim = CosignerKey::Cosignature::Claim;
  const SignedNote split = TRY(split_note(note));
  const CheckpointText read = TRY(read_checkpoint_text(split.text));
  Cosigned found{key.name(), read.size, 0};
  for (const std::string_view line : split.signatures) {
    const CosignerKey::Cosignature each = key.check(line, split.text);
    if (each.claim == Claim::Bad) {
      return Error(Code::InvalidArgument, "a cosignature is not by " + key.name());
    }
    if (each.claim == Claim::Good) found.time = std::max(found.time, each.time);
  }
  if (found.time == 0) return Error(Code::NotFound, "no cosignature by " + key.name());
  return found;
}

}  // namespace kw::audit_verify
