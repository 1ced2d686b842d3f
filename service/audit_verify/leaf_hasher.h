// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

struct evp_md_ctx_st;
struct evp_md_st;

namespace kw::audit_verify {

// LeafHasher computes SHA-256(0x00 || payload), RFC 6962, section 2.1. Not thread-safe; it fetches
// the algorithm once.
class LeafHasher {
 public:
  LeafHasher();
  ~LeafHasher();
  LeafHasher(const LeafHasher&) = delete;
  LeafHasher& operator=(const LeafHasher&) = delete;

  Sha256Digest hash(ByteView payload);

 private:
  evp_md_ctx_st* context_;
  evp_md_st* algorithm_;
};

}  // namespace kw::audit_verify
