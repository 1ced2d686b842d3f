// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/bytes.h"

namespace kw::yaml {
namespace {

constexpr std::size_t kMaxDepth = 32;

Mark mark_of(const yaml_mark_t& mark) { return {mark.line + 1, mark.column + 1}; }

Mark mark_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto line = std::count(before.begin(), before.end(), '\n');
  return {static_cast<std::size_t>(line) + 1, before.size() - line_start + 1};
}

// Event is one libyaml event, freed at its end.
class Event {
 public:
  Event() = default;
  Event(Event&& other) noexcept : raw_(std::exchange(other.raw_, yaml_event_t{})) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&raw_); }

  yaml_event_t& raw() noexcept { return raw_; }
  yaml_event_type_t type() const noexcept { return raw_.type; }
  Mark mark() const { return mark_of(raw_.start_mark); }
  std::string_view scalar() const {
    return {reinterpret_cast<const char*>(raw_.data.scalar.value), raw_.data.scalar.length};
  }
  bool is_plain() const noexcept { return raw_.data.scalar.style == YAML_PLAIN_SCALAR_STYLE; }

 private:
  yaml_event_t raw_{};
};

// libyaml drops the non-specific tag "!" in front of a plain scalar, but the event's extent keeps
// it.
bool hides_a_tag(yaml_event_t& raw) {
  if (raw.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
  if (raw.start_mark.line != raw.end_mark.line) return false;
  const unsigned char* const text = raw.data.scalar.value;
  const auto characters = std::count_if(text, text + raw.data.scalar.length,
                                        [](unsigned char c) { return (c & 0xC0u) != 0x80u; });
  return raw.end_mark.index - raw.start_mark.index > static_cast<std::size_t>(characters);
}

const char* forbidden_property(const yaml_char_t* anchor, const yaml_char_t* tag) {
  if (anchor != nullptr) return "anchors are not allowed";
  return tag != nullptr ? "tags are not allowed" : nullptr;
}

const char* forbidden_feature(yaml_event_t& raw) {
  switch (raw.type) {
    case YAML_ALIAS_EVENT:
      return "aliases are not allowed";
    case YAML_SCALAR_EVENT: {
      const char* const found = forbidden_property(raw.data.scalar.anchor, raw.data.scalar.tag);
      return found == nullptr && hides_a_tag(raw) ? "tags are not allowed" : found;
    }
    case YAML_SEQUENCE_START_EVENT:
      return forbidden_property(raw.data.sequence_start.anchor, raw.data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
      return forbidden_property(raw.data.mapping_start.anchor, raw.data.mapping_start.tag);
    case YAML_DOCUMENT_START_EVENT: {
      const auto& start = raw.data.document_start;
      const bool has_tags = start.tag_directives.start != start.tag_directives.end;
      return has_tags ? "tag directives are not allowed" : nullptr;
    }
    default:
      return nullptr;
  }
}

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<Node> plain_node(std::string_view text, Mark mark) {
  if (text.empty() || text == "~" || text == "null") return Node{std::monostate(), mark};
  if (text == "true") return Node{true, mark};
  if (text == "false") return Node{false, mark};
  if (!is_decimal(text)) return Node{std::string(text), mark};
  std::int64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return fault(mark, "integer out of range");
  }
  return Node{number, mark};
}

// Reader turns libyaml's events into nodes.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    KW_ASSERT(yaml_parser_initialize(&parser_) == 1);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, as_bytes(text).data(), text.size());
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { yaml_parser_delete(&parser_); }

  Result<Node> read_document() {
    TRY(next());  // the stream's start
    const Event start = TRY(next());
    if (start.type() != YAML_DOCUMENT_START_EVENT) return fault(start.mark(), "empty document");
    const Event first = TRY(next());
    Node root = TRY(read_node(first, 1));
    TRY(next());  // the document's end
    const Event end = TRY(next());
    if (end.type() != YAML_STREAM_END_EVENT) return fault(end.mark(), "a second document");
    return root;
  }

 private:
  Result<Event> next() {
    Event event;
    if (yaml_parser_parse(&parser_, &event.raw()) != 1) return syntax_error();
    const char* const feature = forbidden_feature(event.raw());
    if (feature != nullptr) return fault(event.mark(), feature);
    return event;
  }

  Error syntax_error() const {
    const char* const problem = parser_.problem != nullptr ? parser_.problem : "not YAML";
    if (parser_.error == YAML_READER_ERROR) {
      return fault(mark_at(text_, parser_.problem_offset), problem);
    }
    return fault(mark_of(parser_.problem_mark), problem);
  }

  Result<Node> read_node(const Event& first, std::size_t depth) {
    if (depth > kMaxDepth) return fault(first.mark(), "more than 32 levels");
    if (first.type() == YAML_SEQUENCE_START_EVENT) return read_sequence(first.mark(), depth);
    if (first.type() == YAML_MAPPING_START_EVENT) return read_mapping(first.mark(), depth);
    if (first.is_plain()) return plain_node(first.scalar(), first.mark());
    return Node{std::string(first.scalar()), first.mark()};
  }

  Result<Node> read_sequence(Mark mark, std::size_t depth) {
    Node::Sequence items;
    for (;;) {
      const Event event = TRY(next());
      if (event.type() == YAML_SEQUENCE_END_EVENT) return Node{std::move(items), mark};
      items.push_back(TRY(read_node(event, depth + 1)));
    }
  }

  Result<Node> read_mapping(Mark mark, std::size_t depth) {
    Node::Mapping entries;
    std::unordered_set<std::string> seen;
    for (;;) {
      const Event event = TRY(next());
      if (event.type() == YAML_MAPPING_END_EVENT) return Node{std::move(entries), mark};
      if (event.type() != YAML_SCALAR_EVENT) return fault(event.mark(), "a key must be a scalar");
      std::string key(event.scalar());
      if (!seen.insert(key).second) return fault(event.mark(), "the key stands twice");
      const Event first = TRY(next());
      Node value = TRY(read_node(first, depth + 1));
      entries.push_back({std::move(key), event.mark(), std::move(value)});
    }
  }

  std::string_view text_;
  yaml_parser_t parser_{};
};

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  const Mapping* const entries = as_mapping();
  if (entries == nullptr) return nullptr;
  const auto at = std::find_if(entries->begin(), entries->end(),
                               [key](const Entry& entry) { return entry.key == key; });
  return at != entries->end() ? &at->value : nullptr;
}

Result<Node> parse(std::string_view text) { return Reader(text).read_document(); }

Error fault(Mark mark, std::string_view what) {
  return refusal(Code::InvalidArgument, "line " + std::to_string(mark.line) + ", column " +
                                            std::to_string(mark.column) + ": " + std::string(what));
}

}  // namespace kw::yaml
