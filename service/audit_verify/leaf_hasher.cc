// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/leaf_hasher.h"

#include <openssl/evp.h>

namespace kw::audit_verify {

LeafHasher::LeafHasher()
    : context_(EVP_MD_CTX_new()), algorithm_(EVP_MD_fetch(nullptr, "SHA2-256", nullptr)) {
  KW_ASSERT(context_ != nullptr && algorithm_ != nullptr);
}

LeafHasher::~LeafHasher() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Sha256Digest LeafHasher::hash(ByteView payload) {
  const std::uint8_t zero = 0;
  Sha256Digest digest;
  KW_ASSERT(EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
            EVP_DigestUpdate(context_, &zero, 1) == 1 &&
            EVP_DigestUpdate(context_, payload.data(), payload.size()) == 1 &&
            EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace kw::audit_verify
