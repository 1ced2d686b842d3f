// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

struct evp_md_ctx_st;
struct evp_md_st;

namespace kw::audit_verify {

// TreeHasher computes the two hashes of RFC 6962, section 2.1. Not thread-safe; it fetches the
// algorithm once.
class TreeHasher {
 public:
  TreeHasher();
  ~TreeHasher();
  TreeHasher(const TreeHasher&) = delete;
  TreeHasher& operator=(const TreeHasher&) = delete;

  Sha256Digest leaf(ByteView payload);                                     // SHA-256(00 || payload)
  Sha256Digest node(const Sha256Digest& left, const Sha256Digest& right);  // SHA-256(01 || l || r)

 private:
  Sha256Digest hash(std::uint8_t first, ByteView bytes);

  evp_md_ctx_st* context_;
  evp_md_st* algorithm_;
};

}  // namespace kw::audit_verify
