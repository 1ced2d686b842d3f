// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/pkcs11/oracle.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

namespace kw::test {
namespace {

// DER of a raw ECDSA signature.
Bytes to_der(ByteView raw) {
  const auto half = static_cast<int>(raw.size() / 2);
  ECDSA_SIG* parts = ECDSA_SIG_new();
  ECDSA_SIG_set0(parts, BN_bin2bn(raw.data(), half, nullptr),
                 BN_bin2bn(raw.data() + half, half, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts, &der);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  ECDSA_SIG_free(parts);
  return out;
}

}  // namespace

Bytes openssl_hmac(const char* hash, ByteView key, ByteView data) {
  Bytes mac(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  HMAC(EVP_get_digestbyname(hash), key.data(), static_cast<int>(key.size()), data.data(),
       data.size(), mac.data(), &size);
  mac.resize(size);
  return mac;
}

Bytes openssl_gcm(ByteView key, ByteView iv, ByteView aad, ByteView plaintext) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  Bytes out(plaintext.size() + 16);
  int size = 0;
  EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), iv.data());
  EVP_EncryptUpdate(context, nullptr, &size, aad.data(), static_cast<int>(aad.size()));
  EVP_EncryptUpdate(context, out.data(), &size, plaintext.data(),
                    static_cast<int>(plaintext.size()));
  EVP_EncryptFinal_ex(context, out.data() + plaintext.size(), &size);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out.data() + plaintext.size());
  EVP_CIPHER_CTX_free(context);
  return out;
}

Bytes openssl_digest(const char* hash, ByteView data) {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_get_digestbyname(hash), nullptr);
  digest.resize(size);
  return digest;
}

bool openssl_verify(ByteView spki, const char* hash, Padding padding, ByteView message,
                    ByteView signature) {
  const unsigned char* cursor = spki.data();
  EVP_PKEY* key = d2i_PUBKEY(nullptr, &cursor, static_cast<long>(spki.size()));
  if (key == nullptr) {
    return false;
  }
  const bool is_ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
  const Bytes wire = is_ec ? to_der(signature) : to_bytes(signature);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  const EVP_MD* digest = hash == nullptr ? nullptr : EVP_get_digestbyname(hash);
  EVP_DigestVerifyInit(context, &options, digest, nullptr, key);
  if (padding == Padding::Pss) {
    EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST);
  }
  const int good =
      EVP_DigestVerify(context, wire.data(), wire.size(), message.data(), message.size());
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return good == 1;
}

}  // namespace kw::test
