// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kwp_oracle.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include "base/owned.h"
#include "tests/support/expect.h"

namespace kw::test::kwp_oracle {
namespace {

using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using PrivateKey = Owned<EVP_PKEY, EVP_PKEY_free>;

Bytes run(const EVP_CIPHER* cipher, bool encrypts, ByteView key, ByteView input) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  REQUIRE(EVP_CipherInit_ex(context.get(), cipher, nullptr, key.data(), nullptr,
                            encrypts ? 1 : 0) == 1);
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  Bytes output(input.size() + 64);
  int size = 0;
  if (EVP_CipherUpdate(context.get(), output.data(), &size, input.data(),
                       static_cast<int>(input.size())) != 1) {
    return {};
  }
  output.resize(static_cast<std::size_t>(size));
  return output;
}

}  // namespace

Bytes unwrap(ByteView kek, ByteView wrapped) {
  return run(EVP_aes_256_wrap_pad(), false, kek, wrapped);
}

Bytes wrap(ByteView kek, ByteView key) { return run(EVP_aes_256_wrap_pad(), true, kek, key); }

Bytes encrypted_zero(ByteView key) { return run(EVP_aes_256_ecb(), true, key, Bytes(16)); }

Bytes hmac(const char* hash, ByteView key, ByteView text) {
  Bytes mac(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  HMAC(EVP_get_digestbyname(hash), key.data(), static_cast<int>(key.size()), text.data(),
       text.size(), mac.data(), &size);
  mac.resize(size);
  return mac;
}

Bytes public_key_of(ByteView pkcs8) {
  const unsigned char* at = pkcs8.data();
  const PrivateKey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())));
  if (!key) return {};
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key.get(), &encoded);
  Bytes spki = to_bytes(ByteView(encoded, static_cast<std::size_t>(size)));
  OPENSSL_free(encoded);
  return spki;
}

}  // namespace kw::test::kwp_oracle
