// SPDX-License-Identifier: Apache-2.0
#include "tests/support/xaes_oracle.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <memory>

#include "base/owned.h"
#include "tests/support/gcm_oracle.h"

namespace kw::test::xaes_oracle {
namespace {

constexpr std::size_t kMacSize = 16;

using Cipher = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Digest = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using MacContext = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;

int length(ByteView bytes) { return static_cast<int>(bytes.size()); }

Bytes cmac(ByteView key, ByteView message) {
  const Mac mac(EVP_MAC_fetch(nullptr, "CMAC", nullptr));
  const MacContext context(EVP_MAC_CTX_new(mac.get()));
  char cipher[] = "AES-256-CBC";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
                               OSSL_PARAM_construct_end()};
  Bytes out(kMacSize);
  std::size_t size = 0;
  KW_ASSERT(EVP_MAC_init(context.get(), key.data(), key.size(), params) == 1);
  KW_ASSERT(EVP_MAC_update(context.get(), message.data(), message.size()) == 1);
  KW_ASSERT(EVP_MAC_final(context.get(), out.data(), &size, out.size()) == 1 && size == kMacSize);
  return out;
}

Bytes kdf_block(std::uint8_t counter, ByteView key, ByteView nonce) {
  Bytes message = {0x00, counter, 'X', 0x00};
  append(message, nonce.first(12));
  return cmac(key, message);
}

}  // namespace

Bytes derive_key(ByteView key, ByteView nonce) {
  Bytes out = kdf_block(1, key, nonce);
  append(out, kdf_block(2, key, nonce));
  return out;
}

Bytes seal(ByteView key, ByteView nonce, ByteView plaintext, ByteView associated) {
  return gcm_oracle::seal(derive_key(key, nonce), nonce.subspan(12), plaintext, associated);
}

std::optional<Bytes> open(ByteView key, ByteView nonce, ByteView sealed, ByteView associated) {
  return gcm_oracle::open(derive_key(key, nonce), nonce.subspan(12), sealed, associated);
}

Bytes aes_block(ByteView key, ByteView block) {
  const Cipher ecb(EVP_CIPHER_CTX_new());
  Bytes out(block.size());
  int size = 0;
  KW_ASSERT(EVP_EncryptInit_ex(ecb.get(), EVP_aes_256_ecb(), nullptr, key.data(), nullptr) == 1);
  EVP_CIPHER_CTX_set_padding(ecb.get(), 0);
  KW_ASSERT(EVP_EncryptUpdate(ecb.get(), out.data(), &size, block.data(), length(block)) == 1);
  return out;
}

Bytes shake128(ByteView message, std::size_t size) {
  const Digest shake(EVP_MD_CTX_new());
  Bytes out(size);
  KW_ASSERT(EVP_DigestInit_ex(shake.get(), EVP_shake128(), nullptr) == 1);
  KW_ASSERT(EVP_DigestUpdate(shake.get(), message.data(), message.size()) == 1);
  KW_ASSERT(EVP_DigestFinalXOF(shake.get(), out.data(), out.size()) == 1);
  return out;
}

}  // namespace kw::test::xaes_oracle
