// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/host.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "base/owned.h"

namespace kw::doctor::host {
namespace {

using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Number = Owned<BIGNUM, BN_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;

enum class Way { Encrypt, Decrypt };

// One whole cipher operation without padding of its own; nothing where OpenSSL refuses.
std::optional<Bytes> run(const EVP_CIPHER* cipher, Way way, ByteView key, ByteView iv,
                         ByteView input) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  KW_ASSERT(context != nullptr);
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  const int encrypts = way == Way::Encrypt ? 1 : 0;
  if (EVP_CipherInit_ex(context.get(), cipher, nullptr, key.data(),
                        iv.empty() ? nullptr : iv.data(), encrypts) != 1) {
    return std::nullopt;
  }
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  Bytes output(input.size() + 64);
  int size = 0;
  int rest = 0;
  if (EVP_CipherUpdate(context.get(), output.data(), &size, input.data(),
                       static_cast<int>(input.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), output.data() + size, &rest) != 1) {
    return std::nullopt;
  }
  output.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
  return output;
}

const EVP_CIPHER* cipher_of(Wrapping how) {
  return how == Wrapping::Plain ? EVP_aes_256_wrap() : EVP_aes_256_wrap_pad();
}

Key public_key(ByteView modulus, ByteView exponent) {
  const Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const Number e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
  const Builder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) == 1) {
    (void)EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get());
  }
  return Key(key);
}

bool set_padding(EVP_PKEY_CTX* context, RsaPadding padding) {
  if (padding == RsaPadding::Pkcs1) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  }
  const EVP_MD* const hash = padding == RsaPadding::OaepSha1 ? EVP_sha1() : EVP_sha256();
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) == 1;
}

}  // namespace

Bytes random(std::size_t size) {
  Bytes bytes(size);
  KW_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(size)) == 1);
  return bytes;
}

Bytes aes_ecb(ByteView key, ByteView plaintext) {
  return run(EVP_aes_256_ecb(), Way::Encrypt, key, {}, plaintext).value_or(Bytes());
}

Bytes aes_ecb_decrypt(ByteView key, ByteView ciphertext) {
  return run(EVP_aes_256_ecb(), Way::Decrypt, key, {}, ciphertext).value_or(Bytes());
}

Bytes aes_cbc_decrypt(ByteView key, ByteView iv, ByteView ciphertext) {
  return run(EVP_aes_256_cbc(), Way::Decrypt, key, iv, ciphertext).value_or(Bytes());
}

Bytes wrap(Wrapping how, ByteView kek, ByteView key) {
  return run(cipher_of(how), Way::Encrypt, kek, {}, key).value_or(Bytes());
}

std::optional<Bytes> unwrap(Wrapping how, ByteView kek, ByteView blob) {
  return run(cipher_of(how), Way::Decrypt, kek, {}, blob);
}

Bytes hmac(Digest digest, ByteView key, ByteView message) {
  Bytes mac(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  KW_ASSERT(HMAC(digest == Digest::Sha256 ? EVP_sha256() : EVP_sha512(), key.data(),
                 static_cast<int>(key.size()), message.data(), message.size(), mac.data(),
                 &size) != nullptr);
  mac.resize(size);
  return mac;
}

std::optional<Bytes> rsa_encrypt(ByteView modulus, ByteView exponent, RsaPadding padding,
                                 ByteView plaintext) {
  const Key key = public_key(modulus, exponent);
  if (key == nullptr) return std::nullopt;
  const KeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  Bytes ciphertext(modulus.size());
  std::size_t size = ciphertext.size();
  if (EVP_PKEY_encrypt_init(context.get()) != 1 || !set_padding(context.get(), padding) ||
      EVP_PKEY_encrypt(context.get(), ciphertext.data(), &size, plaintext.data(),
                       plaintext.size()) != 1) {
    return std::nullopt;
  }
  ciphertext.resize(size);
  return ciphertext;
}

}  // namespace kw::doctor::host
