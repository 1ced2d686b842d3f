// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace kw {

// Context is the map string -> string that a blob is bound to as associated data: byte-exact UTF-8,
// at most 64 pairs and 8,192 bytes in canonical form (docs/envelope-format.md). Absent equals
// empty. Never stored, never logged in clear.
class Context {
 public:
  using Pair = std::pair<std::string, std::string>;

  Context() = default;

  // Takes pairs in any order. Errors: InvalidArgument (a key twice, too many, too large, not
  // UTF-8).
  static Result<Context> from_pairs(std::vector<Pair> pairs);

  // In the order of the raw key bytes.
  const std::vector<Pair>& pairs() const noexcept { return pairs_; }
  bool empty() const noexcept { return pairs_.empty(); }
  const std::string* find(std::string_view key) const noexcept;  // null if absent

  // u16 count, then for each pair u16 length + key, u16 length + value; big-endian.
  Bytes canonical() const;

 private:
  std::vector<Pair> pairs_;
};

}  // namespace kw
