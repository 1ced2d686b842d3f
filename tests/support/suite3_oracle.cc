// SPDX-License-Identifier: Apache-2.0
#include "tests/support/suite3_oracle.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "base/owned.h"

namespace kw::test::suite3_oracle {
namespace {

using Kdf = Owned<EVP_KDF, EVP_KDF_free>;
using KdfContext = Owned<EVP_KDF_CTX, EVP_KDF_CTX_free>;
using GcmContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr int kGcmTag = 16;
constexpr std::string_view kLabel = "keyward/suite-3/v1";

int count(ByteView bytes) { return static_cast<int>(bytes.size()); }

OSSL_PARAM octets(const char* name, ByteView bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()),
                                           bytes.size());
}

OSSL_PARAM word(const char* name, const char* text) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(text), 0);
}

}  // namespace

Bytes derive_key(ByteView key, ByteView nonce) {
  const Kdf kdf(EVP_KDF_fetch(nullptr, "KBKDF", nullptr));
  const KdfContext context(EVP_KDF_CTX_new(kdf.get()));
  // KBKDF calls the label SALT and the context INFO.
  const OSSL_PARAM params[] = {word(OSSL_KDF_PARAM_MODE, "counter"),
                               word(OSSL_KDF_PARAM_MAC, "HMAC"),
                               word(OSSL_KDF_PARAM_DIGEST, "SHA256"),
                               octets(OSSL_KDF_PARAM_KEY, key),
                               octets(OSSL_KDF_PARAM_SALT, as_bytes(kLabel)),
                               octets(OSSL_KDF_PARAM_INFO, nonce.first(12)),
                               OSSL_PARAM_construct_end()};
  Bytes out(32);
  KW_ASSERT(EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1);
  return out;
}

Bytes seal(ByteView message_key, ByteView nonce, ByteView plaintext, ByteView associated) {
  const GcmContext gcm(EVP_CIPHER_CTX_new());
  Bytes out(plaintext.size() + kGcmTag);
  int size = 0;
  KW_ASSERT(EVP_EncryptInit_ex(gcm.get(), EVP_aes_256_gcm(), nullptr, message_key.data(),
                               nonce.subspan(12).data()) == 1);
  KW_ASSERT(EVP_EncryptUpdate(gcm.get(), nullptr, &size, associated.data(), count(associated)) ==
            1);
  KW_ASSERT(EVP_EncryptUpdate(gcm.get(), out.data(), &size, plaintext.data(), count(plaintext)) ==
            1);
  KW_ASSERT(EVP_EncryptFinal_ex(gcm.get(), out.data() + plaintext.size(), &size) == 1);
  KW_ASSERT(EVP_CIPHER_CTX_ctrl(gcm.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTag,
                                out.data() + plaintext.size()) == 1);
  return out;
}

std::optional<Bytes> open(ByteView message_key, ByteView nonce, ByteView sealed,
                          ByteView associated) {
  const ByteView ciphertext = sealed.first(sealed.size() - kGcmTag);
  Bytes tag = to_bytes(sealed.last(kGcmTag));
  const GcmContext gcm(EVP_CIPHER_CTX_new());
  Bytes out(sealed.size());
  int size = 0;
  KW_ASSERT(EVP_DecryptInit_ex(gcm.get(), EVP_aes_256_gcm(), nullptr, message_key.data(),
                               nonce.subspan(12).data()) == 1);
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

}  // namespace kw::test::suite3_oracle
