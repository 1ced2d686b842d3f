// SPDX-License-Identifier: Apache-2.0
#include "base/context.h"

#include <algorithm>

namespace kw {
namespace {

constexpr std::size_t kMaxPairs = 64;
constexpr std::size_t kMaxCanonicalSize = 8192;
constexpr std::size_t kCountSize = 2;
constexpr std::size_t kLengthsSize = 4;

void append_text(Bytes& out, std::string_view text) {
  append_u16(out, static_cast<std::uint16_t>(text.size()));
  append(out, as_bytes(text));
}

}  // namespace

Result<Context> Context::from_pairs(std::vector<Pair> pairs) {
  if (pairs.size() > kMaxPairs) {
    return refusal(Code::InvalidArgument, "context: more than 64 pairs");
  }
  std::size_t size = kCountSize;
  for (const auto& [key, value] : pairs) {
    if (!is_utf8(key) || !is_utf8(value)) {
      return refusal(Code::InvalidArgument, "context: not UTF-8");
    }
    size += kLengthsSize + key.size() + value.size();
  }
  if (size > kMaxCanonicalSize) {
    return refusal(Code::InvalidArgument, "context: more than 8192 bytes");
  }
  std::sort(pairs.begin(), pairs.end());
  const auto same_key = [](const Pair& a, const Pair& b) { return a.first == b.first; };
  if (std::adjacent_find(pairs.begin(), pairs.end(), same_key) != pairs.end()) {
    return refusal(Code::InvalidArgument, "context: a key stands twice");
  }
  Context context;
  context.pairs_ = std::move(pairs);
  return context;
}

const std::string* Context::find(std::string_view key) const noexcept {
  const auto at = std::lower_bound(
      pairs_.begin(), pairs_.end(), key,
      [](const Pair& pair, std::string_view wanted) { return pair.first < wanted; });
  return at != pairs_.end() && at->first == key ? &at->second : nullptr;
}

Bytes Context::canonical() const {
  Bytes out;
  append_u16(out, static_cast<std::uint16_t>(pairs_.size()));
  for (const auto& [key, value] : pairs_) {
    append_text(out, key);
    append_text(out, value);
  }
  return out;
}

}  // namespace kw
