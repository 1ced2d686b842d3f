// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

// A strict reader of JSON (RFC 8259) for request bodies. Our own, because a request may hold
// plaintext: it copies nothing (a value is a view into the body, which a Secret owns), allocates 16
// bytes for each value, does not recurse, and refuses what libraries let pass: a name twice at any
// depth, invalid UTF-8, more than 8 levels, more than 128 members of an object.
namespace kw::api {

class JsonValue;

// JsonDocument is one parsed body. The body must outlive it.
class JsonDocument {
 public:
  static constexpr std::size_t kMaxDepth = 8;
  static constexpr std::size_t kMaxMembers = 128;

  // Errors: InvalidArgument, with the byte offset of what is wrong.
  static Result<JsonDocument> parse(ByteView body);

  JsonValue root() const noexcept;

 private:
  friend class JsonParser;
  friend class JsonValue;

  enum class Kind : std::uint8_t { Null, True, False, Number, String, Array, Object };
  struct Node {
    std::uint32_t begin;  // of the text; for a string, behind the quote
    std::uint32_t length : 29;
    std::uint32_t kind : 3;
    std::uint32_t after;  // index of the first node behind this one and all it holds
  };

  explicit JsonDocument(std::string_view text) : text_(text) {}

  std::string_view text_;
  std::vector<Node> nodes_;  // in the order of the text; a member is its name, then its value
};

// JsonValue is one value of a document, which must outlive it.
class JsonValue {
 public:
  bool is_object() const noexcept { return kind() == JsonDocument::Kind::Object; }
  bool is_string() const noexcept { return kind() == JsonDocument::Kind::String; }
  bool is_array() const noexcept { return kind() == JsonDocument::Kind::Array; }

  // Each fails with InvalidArgument where the value is of another kind.
  Result<std::string> as_string() const;
  Result<bool> as_bool() const;
  // An integer written as digits alone: no sign, point or exponent.
  Result<std::uint64_t> as_integer(std::uint64_t least, std::uint64_t most) const;
  // Canonical base64 or base64url, decoded into memory that is wiped.
  Result<Secret> as_secret(Base64Alphabet alphabet) const;
  Result<Bytes> as_bytes(Base64Alphabet alphabet) const;
  // Fails too where the array holds more than `most` values.
  Result<std::vector<JsonValue>> as_array(std::size_t most) const;
  // The members of an object: their names and values.
  Result<std::vector<std::pair<std::string, JsonValue>>> as_members() const;

 private:
  friend class JsonDocument;
  friend class JsonFields;

  JsonValue(const JsonDocument& document, std::uint32_t index)
      : document_(&document), index_(index) {}
  const JsonDocument::Node& node() const noexcept { return document_->nodes_[index_]; }
  JsonDocument::Kind kind() const noexcept { return static_cast<JsonDocument::Kind>(node().kind); }
  std::string_view raw() const noexcept {
    return document_->text_.substr(node().begin, node().length);
  }
  Result<std::size_t> decode_into(Base64Alphabet alphabet, std::span<std::uint8_t> out) const;

  const JsonDocument* document_;
  std::uint32_t index_;
};

// JsonFields reads one object field by field. What nobody took is unknown, and finish refuses it: a
// misspelt field is never dropped. Every error names the field.
class JsonFields {
 public:
  static Result<JsonFields> of(JsonValue value);

  bool has(std::string_view name) const;
  std::optional<JsonValue> take(std::string_view name);
  // Like take, but InvalidArgument where the field is missing.
  Result<JsonValue> need(std::string_view name);
  Result<void> finish() const;

 private:
  struct Member {
    std::string name;
    JsonValue value;
    bool taken = false;
  };
  std::vector<Member> members_;
};

}  // namespace kw::api
