// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace kw::policy {

// Relation leads from each of the numbers below `size` to a list of numbers. Immutable.
class Relation {
 public:
  using Pair = std::pair<std::uint32_t, std::uint32_t>;

  Relation() = default;
  Relation(std::size_t size, std::vector<Pair> pairs);  // each list in ascending order

  std::span<const std::uint32_t> of(std::uint32_t from) const noexcept {
    return std::span(ends_).subspan(starts_[from], starts_[from + 1] - starts_[from]);
  }

 private:
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> ends_;
};

}  // namespace kw::policy
