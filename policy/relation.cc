// SPDX-License-Identifier: Apache-2.0
#include "policy/relation.h"

#include <algorithm>

namespace kw::policy {

Relation::Relation(std::size_t size, std::vector<Pair> pairs) : starts_(size + 1) {
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  ends_.reserve(pairs.size());
  for (const auto& [from, to] : pairs) {
    ++starts_[from + 1];
    ends_.push_back(to);
  }
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
}

}  // namespace kw::policy
