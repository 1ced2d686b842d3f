// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gcm_oracle.h"

#include <openssl/evp.h>

#include "base/owned.h"

namespace kw::test::gcm_oracle {
namespace {

using GcmContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr int kGcmTag = 16;

int count(ByteView bytes) { return static_cast<int>(bytes.size()); }

}  // namespace

Bytes seal(ByteView key, ByteView nonce, ByteView plaintext, ByteView associated) {
  const GcmContext gcm(EVP_CIPHER_CTX_new());
  Bytes out(plaintext.size() + kGcmTag);
  int size = 0;
  KW_ASSERT(nonce.size() == 12 && key.size() == 32);
  KW_ASSERT(EVP_EncryptInit_ex(gcm.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) ==
            1);
  KW_ASSERT(EVP_EncryptUpdate(gcm.get(), nullptr, &size, associated.data(), count(associated)) ==
            1);
  KW_ASSERT(EVP_EncryptUpdate(gcm.get(), out.data(), &size, plaintext.data(), count(plaintext)) ==
            1);
  KW_ASSERT(EVP_EncryptFinal_ex(gcm.get(), out.data() + plaintext.size(), &size) == 1);
  KW_ASSERT(EVP_CIPHER_CTX_ctrl(gcm.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTag,
                                out.data() + plaintext.size()) == 1);
  return out;
}

std::optional<Bytes> open(ByteView key, ByteView nonce, ByteView sealed, ByteView associated) {
  if (sealed.size() < kGcmTag) return std::nullopt;
  KW_ASSERT(nonce.size() == 12 && key.size() == 32);
  const ByteView ciphertext = sealed.first(sealed.size() - kGcmTag);
  Bytes tag = to_bytes(sealed.last(kGcmTag));
  const GcmContext gcm(EVP_CIPHER_CTX_new());
  Bytes out(sealed.size());
  int size = 0;
  KW_ASSERT(EVP_DecryptInit_ex(gcm.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) ==
            1);
  KW_ASSERT(EVP_DecryptUpdate(gcm.get(), nullptr, &size, associated.data(), count(associated)) ==
            1);
  KW_ASSERT(EVP_DecryptUpdate(gcm.get(), out.data(), &size, ciphertext.data(), count(ciphertext)) ==
            1);
  KW_ASSERT(EVP_CIPHER_CTX_ctrl(gcm.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTag, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(gcm.get(), out.data() + ciphertext.size(), &size) != 1) {
    return std::nullopt;
  }
  out.resize(ciphertext.size());
  return out;
}

}  // namespace kw::test::gcm_oracle
