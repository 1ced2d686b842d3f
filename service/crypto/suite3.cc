// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/suite3.h"

#include <algorithm>

#include "service/crypto/host_gcm.h"
#include "service/crypto/random.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto::suite3 {
namespace {

constexpr std::string_view kKdfLabel = "keyward/suite-3/v1";
constexpr std::uint32_t kBlockNumber = 1;
constexpr std::uint32_t kKeyBits = 256;

ByteView kdf_half(const Nonce& nonce) { return ByteView(nonce).first(xaes::kPrefixSize); }

xaes::Suffix gcm_half(const Nonce& nonce) {
  xaes::Suffix suffix{};
  std::ranges::copy(ByteView(nonce).last(suffix.size()), suffix.begin());
  return suffix;
}

Result<Secret> message_key(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                           const Nonce& nonce) {
  const Bytes input = kdf_input(nonce);
  const auto derive = [&](pkcs11::ObjectHandle handle) {
    return bench.session().sign_secretly(pkcs11::Mechanism::sha256_hmac(), handle, input);
  };
  Secret made = TRY(bench.keyring().with(key, version, derive));
  if (made.size() * 8 == kKeyBits) return made;
  return Error(Code::Internal, "the token's HMAC gave another length");
}

}  // namespace

Bytes kdf_input(const Nonce& nonce) {
  Bytes input;
  append_u32(input, kBlockNumber);
  append(input, as_bytes(kKdfLabel));
  input.push_back(0);
  append(input, kdf_half(nonce));
  append_u32(input, kKeyBits);
  return input;
}

Result<Nonce> draw(Workbench& bench) {
  Nonce nonce{};
  TRY(draw_nonce(bench.session(), nonce));
  return nonce;
}

Result<Bytes> seal(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                   const Nonce& nonce, ByteView plaintext, ByteView associated) {
  const Secret secret = TRY(message_key(bench, key, version, nonce));
  return seal_on_host(secret, gcm_half(nonce), plaintext, associated);
}

Result<std::optional<Secret>> open(Workbench& bench, const keys::Key& key,
                                   const keys::KeyVersion& version, const Blob& blob,
                                   ByteView associated) {
  const Secret secret = TRY(message_key(bench, key, version, blob.nonce));
  return open_on_host(secret, gcm_half(blob.nonce), blob.sealed, associated);
}

}  // namespace kw::crypto::suite3
