// SPDX-License-Identifier: Apache-2.0
#include "policy/exact_index.h"

namespace kw::policy {

ExactIndex::ExactIndex(const std::vector<Entry>& entries) {
  std::vector<Relation::Pair> pairs;
  pairs.reserve(entries.size());
  for (const auto& [text, number] : entries) pairs.emplace_back(words_.add(text), number);
  numbers_ = Relation(words_.size() + 1, std::move(pairs));
}

std::span<const std::uint32_t> ExactIndex::find(std::string_view text) const noexcept {
  const Vocabulary::Word word = words_.find(text);
  if (word == 0) return {};
  return numbers_.of(word);
}

}  // namespace kw::policy
