// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kw::policy {

// Vocabulary numbers texts from 1 in the order of their coming. Finding costs one probe and one
// comparison, allocates nothing and is safe for concurrent use; adding is not.
class Vocabulary {
 public:
  using Word = std::uint32_t;

  Word add(std::string_view text);
  Word find(std::string_view text) const noexcept;  // 0: never added
  std::string_view text(Word word) const noexcept;
  std::size_t size() const noexcept { return ends_.size() - 1; }

 private:
  // Says all that finding needs but the letters themselves: each look elsewhere may miss the cache.
  struct Slot {
    std::uint32_t hash = 0;
    Word word = 0;  // 0: free
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };

  std::size_t slot_of(std::string_view text, std::uint32_t hash) const noexcept;
  void grow();

  std::vector<Slot> slots_;
  std::string letters_;
  std::vector<std::size_t> ends_ = {0};  // ends_[word] is where its letters end
};

}  // namespace kw::policy
