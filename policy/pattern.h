// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw::policy {

// Pattern matches whole paths, segment by segment: a literal, `*` (one segment), `pre*` (one
// segment that starts so), and `**`, only as the last (one or more segments).
class Pattern {
 public:
  enum class Kind { Literal, Prefix, Any };
  struct Segment {
    Kind kind;
    std::string text;  // empty for Any
  };

  // A pattern over key names. Errors: InvalidArgument.
  static Result<Pattern> parse_key(std::string_view text);

  // A pattern over SPIFFE ids, as "spiffe://trust.domain/…" with a literal trust domain; matches
  // paths that start with the trust domain. Errors: InvalidArgument.
  static Result<Pattern> parse_spiffe(std::string_view text);

  const std::vector<Segment>& segments() const noexcept { return segments_; }  // without the `**`
  bool is_deep() const noexcept { return is_deep_; }                           // ends in `**`
  bool is_everything() const noexcept { return is_deep_ && segments_.empty(); }
  bool matches(std::string_view path) const noexcept;
  const std::string& text() const noexcept { return text_; }  // as parsed

 private:
  using IsLiteral = bool (*)(std::string_view segment);
  static Result<Pattern> parse(std::string_view text, IsLiteral is_literal);

  std::string text_;
  std::vector<Segment> segments_;
  bool is_deep_ = false;
};

inline constexpr std::string_view kSpiffeScheme = "spiffe://";

// The most segments that a pattern can have, its `**` included.
inline constexpr std::size_t kMaxPatternSegments = 16;

}  // namespace kw::policy
