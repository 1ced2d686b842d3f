// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/host_gcm.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/owned.h"
#include "service/crypto/envelope.h"

namespace kw::crypto {
namespace {

// Freeing it wipes the key schedule, too.
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

constexpr std::size_t kHostKeySize = 32;

// EVP takes the length of the IV from AES-256-GCM's own default.
static_assert(std::tuple_size_v<xaes::Suffix> == 12);

// Encrypting where `encrypts` is 1, with the associated data taken in.
CipherContext begin_gcm(const Secret& key, const xaes::Suffix& nonce, ByteView associated,
                        int encrypts) {
  KW_ASSERT(key.size() == kHostKeySize);
  CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  KW_ASSERT(context != nullptr &&
            EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(),
                              nonce.data(), encrypts) == 1 &&
            EVP_CipherUpdate(context.get(), nullptr, &size, associated.data(),
                             static_cast<int>(associated.size())) == 1);
  return context;
}

bool convert(EVP_CIPHER_CTX* context, ByteView from, std::uint8_t* to) {
  int size = 0;
  return from.empty() ||
         EVP_CipherUpdate(context, to, &size, from.data(), static_cast<int>(from.size())) == 1;
}

}  // namespace

Bytes seal_on_host(const Secret& key, const xaes::Suffix& nonce, ByteView plaintext,
                   ByteView associated) {
  const CipherContext context = begin_gcm(key, nonce, associated, 1);
  Bytes sealed(plaintext.size() + kTagSize);
  std::uint8_t* const tag = sealed.data() + plaintext.size();
  int size = 0;
  KW_ASSERT(convert(context.get(), plaintext, sealed.data()) &&
            EVP_CipherFinal_ex(context.get(), tag, &size) == 1 &&
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, int{kTagSize}, tag) == 1);
  return sealed;
}

std::optional<Secret> open_on_host(const Secret& key, const xaes::Suffix& nonce, ByteView sealed,
                                   ByteView associated) {
  KW_ASSERT(sealed.size() >= kTagSize);
  const CipherContext context = begin_gcm(key, nonce, associated, 0);
  const ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
  Bytes tag = to_bytes(sealed.last(kTagSize));
  Secret plaintext(ciphertext.size());
  std::uint8_t* const out = plaintext.reveal_for_writing().data();
  KW_ASSERT(convert(context.get(), ciphertext, out) &&
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, int{kTagSize}, tag.data()) ==
                1);
  int size = 0;
  std::uint8_t nothing = 0;
  if (EVP_CipherFinal_ex(context.get(), &nothing, &size) == 1) return plaintext;
  ERR_clear_error();
  return std::nullopt;
}

}  // namespace kw::crypto
