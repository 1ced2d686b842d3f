// SPDX-License-Identifier: Apache-2.0
#include "policy/edge_table.h"

#include <utility>

namespace kw::policy {
namespace {

constexpr std::size_t kFirstSize = 16;

std::size_t hash_of(std::uint32_t node, std::uint32_t label) noexcept {
  const std::uint64_t key = std::uint64_t{node} << 32 | label;
  const std::uint64_t mixed = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(mixed >> 32);
}

}  // namespace

// The slot that holds the edge, or the free one where it belongs.
std::size_t EdgeTable::slot_of(std::uint32_t node, std::uint32_t label) const noexcept {
  std::size_t at = hash_of(node, label) & (slots_.size() - 1);
  while (slots_[at].label != 0 && (slots_[at].label != label || slots_[at].node != node)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

std::uint32_t EdgeTable::find(std::uint32_t node, std::uint32_t label) const noexcept {
  return slots_.empty() ? 0 : slots_[slot_of(node, label)].end;
}

void EdgeTable::add(std::uint32_t node, std::uint32_t label, std::uint32_t end) {
  if ((size_ + 1) * 2 > slots_.size()) grow();
  slots_[slot_of(node, label)] = {node, label, end};
  ++size_;
}

void EdgeTable::grow() {
  std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(slots_.empty() ? kFirstSize : slots_.size() * 2));
  for (const Slot& slot : old) {
    if (slot.label != 0) slots_[slot_of(slot.node, slot.label)] = slot;
  }
}

}  // namespace kw::policy
