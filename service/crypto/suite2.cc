// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/suite2.h"

#include <algorithm>

#include "service/crypto/known_answer.h"
#include "service/crypto/seal.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto {

static_assert(CountedNonce::kSize == kCountedNonceSize);
static_assert(CountedNonce::kSize == std::tuple_size_v<xaes::Suffix>);

CountedNonce::CountedNonce(const FixedField& field, MessageNumber number) noexcept {
  KW_ASSERT(number >= 1 && number <= kMostMessages);
  std::ranges::copy(field, bytes_.begin());
  for (std::size_t i = 0; i < sizeof number; ++i) {
    bytes_[kSize - 1 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
}

namespace suite2 {
namespace {

xaes::Suffix nonce_of(const Blob& blob) {
  xaes::Suffix nonce{};
  std::copy_n(blob.nonce.begin(), nonce.size(), nonce.begin());
  return nonce;
}

}  // namespace

Result<Blob> seal(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView plaintext, ByteView associated) {
  Blob blob{{Suite::CountedAes256Gcm, key.id, version.number}, {}, {}};
  // Each attempt has a nonce of its own: of one that failed nobody knows what came out.
  const auto seal_under = [&](pkcs11::ObjectHandle handle) -> Result<Bytes> {
    const CountedNonce nonce = TRY(bench.draw_counted(key.id, version.number));
    std::ranges::copy(nonce.bytes(), blob.nonce.begin());
    return crypto::seal(bench.session(), handle, nonce.bytes(), plaintext, associated);
  };
  blob.sealed = TRY(bench.keyring().with(key, version, seal_under));
  return blob;
}

Result<Secret> open(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                    const Blob& blob, ByteView associated) {
  const auto unseal_under = [&](pkcs11::ObjectHandle handle) {
    return unseal(bench.session(), handle, nonce_of(blob), blob.sealed, associated);
  };
  return bench.keyring().with(key, version, unseal_under);
}

Result<Bytes> known_tag(pkcs11::Session& session, pkcs11::ObjectHandle handle) {
  const xaes::Suffix zero{};
  const ByteView text = as_bytes(kCheckText);
  Bytes tag = TRY(crypto::seal(session, handle, zero, {}, text));
  (void)TRY(unseal(session, handle, zero, tag, text));
  return tag;
}

Result<Bytes> known_tag(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version) {
  const auto ask = [&](pkcs11::ObjectHandle handle) { return known_tag(bench.session(), handle); };
  return bench.keyring().with(key, version, ask);
}

}  // namespace suite2
}  // namespace kw::crypto
