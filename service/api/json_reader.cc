// SPDX-License-Identifier: Apache-2.0
#include "service/api/json_reader.h"

#include <algorithm>
#include <charconv>
#include <functional>

namespace kw::api {
namespace {

constexpr std::size_t kMaxText = (1u << 29) - 1;  // what a node's length can hold

Error fault(std::size_t offset, std::string_view what) {
  return refusal(Code::InvalidArgument,
                 "body: byte " + std::to_string(offset) + ": " + std::string(what));
}

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The value of the four hexadecimal digits at `at`; negative if they are not four such digits.
int hex_quad(std::string_view text, std::size_t at) noexcept {
  int value = 0;
  if (at + 4 > text.size()) return -1;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 4, value, 16);
  return error == std::errc() && end == text.data() + at + 4 && text[at] != '-' ? value : -1;
}

bool is_high_surrogate(int unit) noexcept { return unit >= 0xD800 && unit <= 0xDBFF; }
bool is_low_surrogate(int unit) noexcept { return unit >= 0xDC00 && unit <= 0xDFFF; }

// The length of the escape sequence at `at` (which points at a backslash); 0 if it is none. A
// surrogate counts only as a whole pair.
std::size_t escape_length(std::string_view text, std::size_t at) noexcept {
  if (at + 1 >= text.size()) return 0;
  if (std::string_view("\"\\/bfnrt").find(text[at + 1]) != std::string_view::npos) return 2;
  if (text[at + 1] != 'u') return 0;
  const int unit = hex_quad(text, at + 2);
  if (unit < 0 || is_low_surrogate(unit)) return 0;
  if (!is_high_surrogate(unit)) return 6;
  const bool paired = text.substr(at + 6, 2) == "\\u" && is_low_surrogate(hex_quad(text, at + 8));
  return paired ? 12 : 0;
}

std::size_t put_utf8(unsigned point, std::span<char> out) noexcept {
  if (point < 0x80) {
    out[0] = static_cast<char>(point);
    return 1;
  }
  const std::size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  constexpr unsigned kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (std::size_t i = length - 1; i > 0; --i, point >>= 6) {
    out[i] = static_cast<char>(0x80u | (point & 0x3Fu));
  }
  out[0] = static_cast<char>(kLead[length] | point);
  return length;
}

// Decodes a checked escape sequence of `length` characters into `out`; yields the bytes written.
std::size_t put_escape(std::string_view escape, std::span<char> out) noexcept {
  if (escape.size() > 2) {
    const auto unit = static_cast<unsigned>(hex_quad(escape, 2));
    if (escape.size() == 6) return put_utf8(unit, out);
    const auto low = static_cast<unsigned>(hex_quad(escape, 8));
    return put_utf8(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
  }
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  out[0] = kValues[kNames.find(escape[1])];
  return 1;
}

// Decodes a checked string into `out`, which is at least as long; yields the bytes written.
std::size_t unescape_into(std::string_view raw, std::span<char> out) noexcept {
  std::size_t written = 0;
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      out[written++] = raw[at++];
      continue;
    }
    const std::size_t length = escape_length(raw, at);
    written += put_escape(raw.substr(at, length), out.subspan(written));
    at += length;
  }
  return written;
}

std::string unescaped(std::string_view raw) {
  std::string text(raw.size(), '\0');
  text.resize(unescape_into(raw, text));
  return text;
}

}  // namespace

// JsonParser fills a document's nodes in one pass, with its own stack of open containers.
class JsonParser {
 public:
  explicit JsonParser(JsonDocument& document) : document_(document), text_(document.text_) {}

  Result<void> run() {
    TRY(value());
    while (!open_.empty()) TRY(inside());
    skip_space();
    if (at_ != text_.size()) return fault(at_, "text behind the value");
    return {};
  }

 private:
  using Kind = JsonDocument::Kind;
  struct Open {
    std::uint32_t node;
    std::size_t members = 0;
    std::vector<std::size_t> hashes = {};  // of the names, in their order
  };

  Result<void> value() {
    skip_space();
    switch (peek()) {
      case '{':
        return open(Kind::Object);
      case '[':
        return open(Kind::Array);
      case '"':
        return string();
      case 't':
        return word("true", Kind::True);
      case 'f':
        return word("false", Kind::False);
      case 'n':
        return word("null", Kind::Null);
      default:
        return number();
    }
  }

  // One step in the innermost open container: its end, or its next element.
  Result<void> inside() {
    Open& container = open_.back();
    const bool is_object = kind_of(container.node) == Kind::Object;
    skip_space();
    if (peek() == (is_object ? '}' : ']')) return close();
    if (container.members > 0) TRY(expect(','));
    ++container.members;
    if (is_object) TRY(name(container));
    return value();
  }

  Result<void> name(Open& object) {
    if (object.members > JsonDocument::kMaxMembers) return fault(at_, "too many members");
    skip_space();
    if (peek() != '"') return fault(at_, "a member's name is missing");
    const auto fresh = static_cast<std::uint32_t>(document_.nodes_.size());
    TRY(string());
    if (stands_twice(object, fresh)) return fault(begin_of(fresh), "a name stands twice");
    skip_space();
    return expect(':');
  }

  // Hashes first: a long name is read once, and not again for each member behind it.
  bool stands_twice(Open& object, std::uint32_t fresh) const {
    const std::string wanted = unescaped(raw_of(fresh));
    const std::size_t wanted_hash = std::hash<std::string>()(wanted);
    std::uint32_t at = object.node + 1;
    for (const std::size_t hash : object.hashes) {
      if (hash == wanted_hash && unescaped(raw_of(at)) == wanted) return true;
      at = document_.nodes_[at + 1].after;
    }
    object.hashes.push_back(wanted_hash);
    return false;
  }

  Result<void> open(Kind kind) {
    if (open_.size() == JsonDocument::kMaxDepth) return fault(at_, "nested too deeply");
    open_.push_back({static_cast<std::uint32_t>(document_.nodes_.size())});
    add(kind, at_, 0);
    ++at_;
    return {};
  }

  Result<void> close() {
    ++at_;
    document_.nodes_[open_.back().node].after = static_cast<std::uint32_t>(document_.nodes_.size());
    open_.pop_back();
    return {};
  }

  Result<void> string() {
    const std::size_t begin = ++at_;
    for (;;) {
      if (at_ >= text_.size()) return fault(at_, "a string has no end");
      const char c = text_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) return fault(at_, "a raw control character");
      const std::size_t length = c == '\\' ? escape_length(text_, at_) : 1;
      if (length == 0) return fault(at_, "not an escape sequence, or half a surrogate pair");
      at_ += length;
    }
    add(Kind::String, begin, at_ - begin);
    ++at_;
    return {};
  }

  Result<void> word(std::string_view word, Kind kind) {
    if (text_.substr(at_, word.size()) != word) return fault(at_, "not a value");
    add(kind, at_, word.size());
    at_ += word.size();
    return {};
  }

  Result<void> number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const std::size_t whole = at_;
    if (skip_digits() == 0 || (text_[whole] == '0' && at_ - whole > 1)) {
      return fault(begin, "not a value");
    }
    if (peek() == '.') {
      ++at_;
      if (skip_digits() == 0) return fault(at_, "not a number");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (skip_digits() == 0) return fault(at_, "not a number");
    }
    add(Kind::Number, begin, at_ - begin);
    return {};
  }

  std::size_t skip_digits() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    return at_ - begin;
  }

  void skip_space() {
    while (is_space(peek())) ++at_;
  }

  Result<void> expect(char wanted) {
    if (peek() != wanted) return fault(at_, std::string("expected '") + wanted + "'");
    ++at_;
    return {};
  }

  // The next character; NUL, which starts nothing, at the end.
  char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  Kind kind_of(std::uint32_t node) const noexcept {
    return static_cast<Kind>(document_.nodes_[node].kind);
  }
  std::size_t begin_of(std::uint32_t node) const noexcept { return document_.nodes_[node].begin; }
  std::string_view raw_of(std::uint32_t node) const noexcept {
    return text_.substr(document_.nodes_[node].begin, document_.nodes_[node].length);
  }

  void add(Kind kind, std::size_t begin, std::size_t length) {
    const auto after = static_cast<std::uint32_t>(document_.nodes_.size() + 1);
    document_.nodes_.push_back({static_cast<std::uint32_t>(begin),
                                static_cast<std::uint32_t>(length & kMaxText),
                                static_cast<std::uint32_t>(kind) & 7u, after});
  }

  JsonDocument& document_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
};

Result<JsonDocument> JsonDocument::parse(ByteView body) {
  if (body.size() > kMaxText) return fault(kMaxText, "body too large");
  JsonDocument document(as_text(body));
  if (!is_utf8(document.text_)) return refusal(Code::InvalidArgument, "body: not UTF-8");
  JsonParser parser(document);
  TRY(parser.run());
  return document;
}

JsonValue JsonDocument::root() const noexcept { return {*this, 0}; }

Result<std::string> JsonValue::as_string() const {
  if (kind() != JsonDocument::Kind::String) {
    return refusal(Code::InvalidArgument, "must be a string");
  }
  return unescaped(raw());
}

Result<bool> JsonValue::as_bool() const {
  if (kind() == JsonDocument::Kind::True) return true;
  if (kind() == JsonDocument::Kind::False) return false;
  return refusal(Code::InvalidArgument, "must be true or false");
}

Result<std::uint64_t> JsonValue::as_integer(std::uint64_t least, std::uint64_t most) const {
  std::uint64_t value = 0;
  const std::string_view digits = raw();
  const char* const end = digits.data() + digits.size();
  const bool is_number = kind() == JsonDocument::Kind::Number;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (!is_number || error != std::errc() || stop != end || value < least || value > most) {
    return refusal(Code::InvalidArgument, "must be an integer from " + std::to_string(least) +
                                              " to " + std::to_string(most));
  }
  return value;
}

Result<std::size_t> JsonValue::decode_into(Base64Alphabet alphabet,
                                           std::span<std::uint8_t> out) const {
  if (kind() != JsonDocument::Kind::String) {
    return refusal(Code::InvalidArgument, "must be a string");
  }
  const std::string_view text = raw();
  if (text.find('\\') == std::string_view::npos) return decode_base64_into(text, alphabet, out);
  // Some encoders write '/' as '\/'.
  Secret plain(text.size());
  const std::span<std::uint8_t> room = plain.reveal_for_writing();
  plain.shrink(unescape_into(text, {reinterpret_cast<char*>(room.data()), room.size()}));
  return decode_base64_into(as_text(plain.reveal()), alphabet, out);
}

Result<Secret> JsonValue::as_secret(Base64Alphabet alphabet) const {
  Secret secret(base64_capacity(raw().size()));
  secret.shrink(TRY(decode_into(alphabet, secret.reveal_for_writing())));
  return secret;
}

Result<Bytes> JsonValue::as_bytes(Base64Alphabet alphabet) const {
  Bytes bytes(base64_capacity(raw().size()));
  bytes.resize(TRY(decode_into(alphabet, bytes)));
  return bytes;
}

Result<std::vector<JsonValue>> JsonValue::as_array(std::size_t most) const {
  if (!is_array()) return refusal(Code::InvalidArgument, "must be an array");
  std::vector<JsonValue> values;
  for (std::uint32_t at = index_ + 1; at < node().after; at = document_->nodes_[at].after) {
    if (values.size() == most) {
      return refusal(Code::InvalidArgument, "more than " + std::to_string(most) + " values");
    }
    values.push_back({*document_, at});
  }
  return values;
}

Result<std::vector<std::pair<std::string, JsonValue>>> JsonValue::as_members() const {
  if (!is_object()) return refusal(Code::InvalidArgument, "must be an object");
  std::vector<std::pair<std::string, JsonValue>> members;
  for (std::uint32_t at = index_ + 1; at < node().after; at = document_->nodes_[at + 1].after) {
    members.emplace_back(unescaped(JsonValue(*document_, at).raw()), JsonValue(*document_, at + 1));
  }
  return members;
}

Result<JsonFields> JsonFields::of(JsonValue value) {
  JsonFields fields;
  for (auto& [name, member] : TRY(value.as_members())) {
    fields.members_.push_back({std::move(name), member});
  }
  return fields;
}

bool JsonFields::has(std::string_view name) const {
  return std::any_of(members_.begin(), members_.end(),
                     [name](const Member& member) { return member.name == name; });
}

std::optional<JsonValue> JsonFields::take(std::string_view name) {
  const auto at = std::find_if(members_.begin(), members_.end(),
                               [name](const Member& member) { return member.name == name; });
  if (at == members_.end()) return std::nullopt;
  at->taken = true;
  return at->value;
}

Result<JsonValue> JsonFields::need(std::string_view name) {
  const std::optional<JsonValue> value = take(name);
  if (!value) return refusal(Code::InvalidArgument, "field \"" + std::string(name) + "\" missing");
  return *value;
}

Result<void> JsonFields::finish() const {
  const auto left = std::find_if(members_.begin(), members_.end(),
                                 [](const Member& member) { return !member.taken; });
  if (left == members_.end()) return {};
  // The name is the caller's text: it is quoted back only if it is plain.
  const bool plain =
      left->name.size() <= 40 && std::all_of(left->name.begin(), left->name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
               (c >= 'A' && c <= 'Z');
      });
  return refusal(Code::InvalidArgument,
                 plain ? "unknown field \"" + left->name + "\"" : "unknown field");
}

}  // namespace kw::api
