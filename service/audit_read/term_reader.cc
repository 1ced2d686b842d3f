// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/term_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "service/audit_read/column.h"
#include "service/audit_read/moment.h"
#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::FieldForm;
using audit_verify::FieldInfo;
using Comparison = Term::Comparison;

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

std::optional<Comparison> take_sign(std::string_view& rest) {
  struct Sign {
    std::string_view text;
    Comparison comparison;
  };
  // The longer ones first.
  constexpr Sign kSigns[] = {{"!=", Comparison::Unequal}, {"<=", Comparison::AtMost},
                             {">=", Comparison::AtLeast}, {"<", Comparison::Less},
                             {">", Comparison::Greater},  {"=", Comparison::Equal}};
  for (const Sign& sign : kSigns) {
    if (!rest.starts_with(sign.text)) continue;
    rest.remove_prefix(sign.text.size());
    return sign.comparison;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

// A closed list's word as it can be written without quotation marks.
std::string without_blanks(std::string_view word) {
  std::string text(word);
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

std::uint64_t matching_words(const FieldInfo& field, Pattern pattern) {
  for (std::string& piece : pattern.pieces()) piece = without_blanks(piece);
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    const std::string_view word = field.words[i];
    if (!word.empty() && pattern.matches(without_blanks(word))) found |= std::uint64_t{1} << i;
  }
  return found;
}

// Whether a pattern of hexadecimal digits can match a value of `size` bytes; makes it lower case.
bool make_hex(Pattern& pattern, std::size_t size) {
  std::size_t digits = 0;
  for (std::string& piece : pattern.pieces()) {
    for (char& c : piece) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
      const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
      if (!is_hex) return false;
    }
    digits += piece.size();
  }
  return pattern.literal() ? digits == 2 * size : digits <= 2 * size;
}

void append_utf8(std::string& out, std::uint32_t character) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      put(0xE0 | character >> 12);
    } else {
      put(0xF0 | character >> 18);
      put(0x80 | (character >> 12 & 0x3F));
    }
    put(0x80 | (character >> 6 & 0x3F));
  }
  put(0x80 | (character & 0x3F));
}

std::optional<std::uint32_t> hexadecimal(std::string_view digits) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  return whole && !digits.empty() ? std::optional(value) : std::nullopt;
}

}  // namespace

bool TermReader::has_more() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
  return !rest_.empty();
}

Error TermReader::fault(std::string_view what) const {
  const std::string_view read = term_.substr(0, term_.size() - rest_.size());
  return Error(Code::InvalidArgument,
               audit_verify::escape_for_terminal(read) + ": " + std::string(what));
}

Result<Term> TermReader::next() {
  term_ = rest_;
  const std::size_t end = std::min(rest_.find_first_of("=!<> \t\r\n"), rest_.size());
  std::string_view name = rest_.substr(0, end);
  rest_.remove_prefix(end);
  auto comparison = take_sign(rest_);
  if (!comparison || name.empty()) return fault("a term is NAME=VALUE");
  Term term;
  if (name == "since" || name == "until") {
    if (comparison != Comparison::Equal) return fault("since and until go with =");
    comparison = name == "since" ? Comparison::AtLeast : Comparison::Less;
    name = "time";
  }
  if (rest_.starts_with('=')) return fault("a value that begins with = wants quotation marks");
  const Pattern value = TRY(take_value());
  const FieldInfo* field = find_field(name);
  if (field == nullptr) return fault("there is no such field");
  term.field = *field;
  term.comparison = *comparison;
  TRY(fill(term, value));
  return term;
}

Result<Pattern> TermReader::take_value() {
  Pattern value;
  const bool quoted = rest_.starts_with('"');
  if (quoted) rest_.remove_prefix(1);
  const auto goes_on = [&] { return quoted ? rest_.front() != '"' : !is_blank(rest_.front()); };
  while (!rest_.empty() && goes_on()) TRY(take_piece(value));
  if (quoted) TRY(close_quotes());
  if (value.literal() == std::string()) return fault("no value; a missing field is NAME!=*");
  return value;
}

Result<void> TermReader::close_quotes() {
  if (rest_.empty()) return fault("the quotation marks are not closed");
  rest_.remove_prefix(1);
  if (!rest_.empty() && !is_blank(rest_.front())) return fault("text behind a quoted value");
  return {};
}

Result<void> TermReader::take_piece(Pattern& value) {
  const char c = rest_.front();
  if (c == '"') return fault("a quotation mark within a value: write \\\"");
  if (c == '\\') return take_escape(value);
  if (c == '*') {
    value.add_star();
  } else {
    value.add({&c, 1});
  }
  rest_.remove_prefix(1);
  return {};
}

// \\ \" \* and what the log's text lines show: \xNN, a byte, and \u{N...}, a character.
Result<void> TermReader::take_escape(Pattern& value) {
  const std::string_view escape = rest_.substr(1);
  std::string text;
  std::size_t length = 1;
  if (escape.starts_with('\\') || escape.starts_with('"') || escape.starts_with('*')) {
    text = escape.front();
  } else if (escape.starts_with('x')) {
    const auto byte = hexadecimal(escape.substr(1, 2));
    length = 3;
    if (byte && escape.size() >= length) text = static_cast<char>(*byte);
  } else if (escape.starts_with("u{")) {
    const std::size_t close = escape.find('}');
    const auto character = hexadecimal(escape.substr(2, std::min(close, escape.size()) - 2));
    length = close + 1;
    if (close != std::string_view::npos && character && *character <= 0x10FFFF) {
      append_utf8(text, *character);
    }
  }
  if (text.empty()) return fault("a backslash goes before \\ \" * xNN or u{N...}");
  value.add(text);
  rest_.remove_prefix(1 + length);
  return {};
}

Result<void> TermReader::fill(Term& term, const Pattern& value) const {
  const FieldForm form = term.field.form;
  const bool ordered =
      term.comparison != Comparison::Equal && term.comparison != Comparison::Unequal;
  const bool has_order = form == FieldForm::Number || form == FieldForm::Time;
  if (ordered && !has_order) return fault("< and > are for numbers and times");
  if (!ordered && value.is_lone_star()) {
    term.asks_for_presence = true;
    return {};
  }
  term.pattern = value;
  const std::string text = value.literal().value_or("");
  switch (form) {
    case FieldForm::Text:
      return {};
    case FieldForm::Hex:
      if (make_hex(term.pattern, term.field.size)) return {};
      return fault("it has " + std::to_string(2 * term.field.size) +
                   " hexadecimal digits, or fewer and *");
    case FieldForm::Word:
      term.words = matching_words(term.field, value);
      return term.words != 0 ? Result<void>() : fault("no such word in docs/audit-format.md");
    case FieldForm::Number: {
      const auto number = whole_number(text);
      term.number = number.value_or(0);
      return number ? Result<void>() : fault("a whole number is wanted");
    }
    case FieldForm::Time: {
      const auto moment = parse_moment(text, now_);
      term.number = moment.value_or(0);
      if (moment) return {};
      return fault("a time such as 2026-01-01T00:00:00Z or an age such as 24h is wanted");
    }
  }
  return {};
}

}  // namespace kw::audit_read
