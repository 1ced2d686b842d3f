// SPDX-License-Identifier: Apache-2.0
#include "tests/support/suite3_oracle.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/owned.h"
#include "tests/support/gcm_oracle.h"

namespace kw::test::suite3_oracle {
namespace {

using Kdf = Owned<EVP_KDF, EVP_KDF_free>;
using KdfContext = Owned<EVP_KDF_CTX, EVP_KDF_CTX_free>;

constexpr std::string_view kLabel = "keyward/suite-3/v1";

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
  return gcm_oracle::seal(message_key, nonce.subspan(12), plaintext, associated);
}

std::optional<Bytes> open(ByteView message_key, ByteView nonce, ByteView sealed,
                          ByteView associated) {
  return gcm_oracle::open(message_key, nonce.subspan(12), sealed, associated);
}

}  // namespace kw::test::suite3_oracle
