// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/tree_hasher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace kw::audit_verify {

TreeHasher::TreeHasher()
    : context_(EVP_MD_CTX_new()), algorithm_(EVP_MD_fetch(nullptr, "SHA2-256", nullptr)) {
  KW_ASSERT(context_ != nullptr && algorithm_ != nullptr);
}

TreeHasher::~TreeHasher() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Sha256Digest TreeHasher::leaf(ByteView payload) { return hash(0, payload); }

Sha256Digest TreeHasher::node(const Sha256Digest& left, const Sha256Digest& right) {
  std::array<std::uint8_t, 2 * sizeof(Sha256Digest)> both{};
  std::copy(right.begin(), right.end(), std::copy(left.begin(), left.end(), both.begin()));
  return hash(1, both);
}

Sha256Digest TreeHasher::hash(std::uint8_t first, ByteView bytes) {
  Sha256Digest digest;
  KW_ASSERT(EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
            EVP_DigestUpdate(context_, &first, 1) == 1 &&
            EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1 &&
            EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace kw::audit_verify
