// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/relation.h"
#include "policy/vocabulary.h"

namespace kw::policy {

// ExactIndex finds the numbers that were put down under exactly one text. Immutable.
class ExactIndex {
 public:
  using Entry = std::pair<std::string_view, std::uint32_t>;

  ExactIndex() = default;
  explicit ExactIndex(const std::vector<Entry>& entries);

  std::span<const std::uint32_t> find(std::string_view text) const noexcept;

 private:
  Vocabulary words_;
  Relation numbers_;  // by word
};

}  // namespace kw::policy
