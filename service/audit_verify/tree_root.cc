// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/tree_root.h"

namespace kw::audit_verify {

// Like adding one to a binary number: each carry joins two trees of equal size.
void TreeRoot::add(const Sha256Digest& leaf) {
  Sha256Digest carried = leaf;
  for (std::uint64_t rest = size_; rest % 2 == 1; rest /= 2) {
    carried = hasher_.node(peaks_.back(), carried);
    peaks_.pop_back();
  }
  peaks_.push_back(carried);
  ++size_;
}

Sha256Digest TreeRoot::root() {
  if (peaks_.empty()) return sha256({});
  Sha256Digest root = peaks_.back();
  for (std::size_t i = peaks_.size() - 1; i-- > 0;) root = hasher_.node(peaks_[i], root);
  return root;
}

}  // namespace kw::audit_verify
