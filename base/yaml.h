// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace kw::yaml {

// Mark is a place in the text, both counted from 1.
struct Mark {
  std::size_t line = 1;
  std::size_t column = 1;
};

// Node is one value of a strictly read YAML 1.1 document: no anchors, aliases, tags, duplicate keys
// or second document; at most 32 levels. A plain scalar is null, true, false, a decimal integer or
// a string; a quoted scalar is always a string. Everything else that YAML would guess stays a
// string.
struct Node {
  using Sequence = std::vector<Node>;
  struct Entry;
  using Mapping = std::vector<Entry>;  // in the order of the text

  std::variant<std::monostate, bool, std::int64_t, std::string, Sequence, Mapping> value;
  Mark mark;

  const std::string* as_string() const noexcept { return std::get_if<std::string>(&value); }
  const Sequence* as_sequence() const noexcept { return std::get_if<Sequence>(&value); }
  const Mapping* as_mapping() const noexcept { return std::get_if<Mapping>(&value); }
  const std::int64_t* as_integer() const noexcept { return std::get_if<std::int64_t>(&value); }
  const bool* as_bool() const noexcept { return std::get_if<bool>(&value); }

  // The value of a key; null if this is no mapping or has no such key.
  const Node* find(std::string_view key) const noexcept;
};

struct Node::Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

// Parses one document. Errors: InvalidArgument, advised, as "line L, column C: what is wrong".
Result<Node> parse(std::string_view text);

// An InvalidArgument refusal in the same form, for readers that find fault with a node's meaning.
Error fault(Mark mark, std::string_view what);

}  // namespace kw::yaml
