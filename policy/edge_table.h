// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace kw::policy {

// EdgeTable maps (node, label) to the node that the edge leads to, for all nodes of a trie at once.
// Labels are never 0, and 0 is no edge's end. Finding is safe for concurrent use; adding is not.
class EdgeTable {
 public:
  std::uint32_t find(std::uint32_t node, std::uint32_t label) const noexcept;  // 0: no such edge

  // Adds an edge that is not there yet.
  void add(std::uint32_t node, std::uint32_t label, std::uint32_t end);

 private:
  struct Slot {
    std::uint32_t node = 0;
    std::uint32_t label = 0;  // 0: free
    std::uint32_t end = 0;
  };

  std::size_t slot_of(std::uint32_t node, std::uint32_t label) const noexcept;
  void grow();

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace kw::policy
