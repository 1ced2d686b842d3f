// SPDX-License-Identifier: Apache-2.0
#include "policy/pattern.h"

#include <algorithm>
#include <optional>

#include "base/names.h"

namespace kw::policy {
namespace {

constexpr std::size_t kMaxKeySegments = 8;
constexpr std::size_t kMaxSpiffeSegment = 255;

bool is_key_segment(std::string_view segment) {
  return KeyName::is_valid(segment) && segment.find('/') == std::string_view::npos;
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_spiffe_segment(std::string_view segment) {
  return !segment.empty() && segment.size() <= kMaxSpiffeSegment && segment != "." &&
         segment != ".." && std::all_of(segment.begin(), segment.end(), [](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

bool fits(const Pattern::Segment& wanted, std::string_view segment) noexcept {
  switch (wanted.kind) {
    case Pattern::Kind::Literal:
      return segment == wanted.text;
    case Pattern::Kind::Prefix:
      return segment.starts_with(wanted.text);
    case Pattern::Kind::Any:
      return true;
  }
  return false;
}

// A segment other than '**'. None: it is no literal, '*' or 'prefix*'.
std::optional<Pattern::Segment> parse_segment(std::string_view text,
                                              bool (*is_literal)(std::string_view)) {
  if (text == "*") return Pattern::Segment{Pattern::Kind::Any, ""};
  const bool is_prefix = text.ends_with('*');
  const std::string_view literal = text.substr(0, text.size() - (is_prefix ? 1 : 0));
  if (!is_literal(literal)) return std::nullopt;
  return Pattern::Segment{is_prefix ? Pattern::Kind::Prefix : Pattern::Kind::Literal,
                          std::string(literal)};
}

Error bad_pattern(std::string_view text, std::string_view what) {
  return refusal(Code::InvalidArgument,
                 "pattern '" + std::string(text) + "': " + std::string(what));
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view text, IsLiteral is_literal) {
  Pattern pattern;
  pattern.text_ = text;
  std::string_view rest = text;
  for (bool more = true; more;) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    if (more) rest.remove_prefix(slash + 1);
    if (segment == "**") {
      if (more) return bad_pattern(text, "'**' may only stand last");
      pattern.is_deep_ = true;
      continue;
    }
    std::optional<Segment> parsed = parse_segment(segment, is_literal);
    if (!parsed) return bad_pattern(text, "not a segment, '*', 'prefix*' or '**'");
    pattern.segments_.push_back(*std::move(parsed));
  }
  return pattern;
}

Result<Pattern> Pattern::parse_key(std::string_view text) {
  Pattern pattern = TRY(parse(text, &is_key_segment));
  if (pattern.segments_.size() + (pattern.is_deep_ ? 1 : 0) > kMaxKeySegments) {
    return bad_pattern(text, "more than 8 segments");
  }
  return pattern;
}

Result<Pattern> Pattern::parse_spiffe(std::string_view text) {
  if (!text.starts_with(kSpiffeScheme)) return bad_pattern(text, "must start with spiffe://");
  Pattern pattern = TRY(parse(text.substr(kSpiffeScheme.size()), &is_spiffe_segment));
  if (pattern.segments_.empty() || pattern.segments_.front().kind != Kind::Literal) {
    return bad_pattern(text, "the trust domain may hold no wildcard");
  }
  if (pattern.segments_.size() + (pattern.is_deep_ ? 1 : 0) > kMaxPatternSegments) {
    return bad_pattern(text, "more than 16 segments");
  }
  return pattern;
}

bool Pattern::matches(std::string_view path) const noexcept {
  bool more = true;
  for (const Segment& wanted : segments_) {
    if (!more) return false;
    const std::size_t slash = path.find('/');
    if (!fits(wanted, path.substr(0, slash))) return false;
    more = slash != std::string_view::npos;
    path.remove_prefix(more ? slash + 1 : path.size());
  }
  return more == is_deep_;
}

}  // namespace kw::policy
