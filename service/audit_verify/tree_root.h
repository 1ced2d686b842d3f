// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "service/audit_verify/tree_hasher.h"

namespace kw::audit_verify {

// TreeRoot computes the root of an RFC 6962 tree (section 2.1) leaf by leaf, in memory that grows
// with the logarithm of their number.
class TreeRoot {
 public:
  void add(const Sha256Digest& leaf);
  std::uint64_t size() const noexcept { return size_; }
  Sha256Digest root();

 private:
  TreeHasher hasher_;
  std::vector<Sha256Digest> peaks_;  // the roots of perfect trees, the largest first
  std::uint64_t size_ = 0;
};

}  // namespace kw::audit_verify
