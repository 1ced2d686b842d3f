// SPDX-License-Identifier: Apache-2.0
#include "service/audit/tree_hasher.h"

#include <openssl/evp.h>

namespace kw::audit {
namespace {

constexpr std::uint8_t kLeafPrefix = 0x00;
constexpr std::uint8_t kNodePrefix = 0x01;

}  // namespace

TreeHasher::TreeHasher()
    : context_(EVP_MD_CTX_new()), algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
  KW_ASSERT(context_ != nullptr && algorithm_ != nullptr);
}

TreeHasher::~TreeHasher() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Sha256Digest TreeHasher::leaf(ByteView payload) { return hash(kLeafPrefix, payload, {}); }

Sha256Digest TreeHasher::node(const Sha256Digest& left, const Sha256Digest& right) {
  return hash(kNodePrefix, left, right);
}

Sha256Digest TreeHasher::hash(std::uint8_t prefix, ByteView first, ByteView second) {
  Sha256Digest digest;
  KW_ASSERT(EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
            EVP_DigestUpdate(context_, &prefix, 1) == 1 &&
            EVP_DigestUpdate(context_, first.data(), first.size()) == 1 &&
            EVP_DigestUpdate(context_, second.data(), second.size()) == 1 &&
            EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace kw::audit
