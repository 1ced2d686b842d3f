// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace kw::policy {

// IdSet is a small set of numbers in the order of their coming. The first few need no allocation.
class IdSet {
 public:
  void add(std::uint32_t id) {
    if (contains(id)) return;
    if (size_ < near_.size()) {
      near_[size_] = id;
    } else {
      far_.push_back(id);
    }
    ++size_;
  }

  bool contains(std::uint32_t id) const noexcept {
    const auto near_end =
        near_.begin() + static_cast<std::ptrdiff_t>(std::min(size_, near_.size()));
    return std::find(near_.begin(), near_end, id) != near_end ||
           std::find(far_.begin(), far_.end(), id) != far_.end();
  }

  std::size_t size() const noexcept { return size_; }
  std::uint32_t operator[](std::size_t at) const noexcept {
    return at < near_.size() ? near_[at] : far_[at - near_.size()];
  }

 private:
  std::array<std::uint32_t, 16> near_;  // the first size_ are set
  std::vector<std::uint32_t> far_;
  std::size_t size_ = 0;
};

}  // namespace kw::policy
