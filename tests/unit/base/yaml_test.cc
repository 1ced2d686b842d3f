// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <limits>

#include "tests/support/expect.h"

namespace kw::yaml {
namespace {

std::string failure_of(std::string_view text) {
  const auto node = parse(text);
  if (node) return "";
  CHECK(node.error().code() == Code::InvalidArgument);
  CHECK(node.error().advice() == node.error().detail());
  return node.error().detail();
}

Node value_of(const std::string& scalar) {
  const Node root = REQUIRE_OK(parse("v: " + scalar + "\n"));
  REQUIRE(root.find("v") != nullptr);
  return *root.find("v");
}

}  // namespace

TEST_CASE("yaml: reads block and flow style alike", "[base][yaml]") {
  for (const auto* const text : {"a: [1, x]\nb: {c: true}\n", "a:\n- 1\n- x\nb:\n  c: true\n",
                                 "{\"a\": [1, \"x\"], \"b\": {\"c\": true}}"}) {
    const Node root = REQUIRE_OK(parse(text));
    const Node::Sequence* const items = root.find("a")->as_sequence();
    REQUIRE(items != nullptr);
    CHECK(*items->at(0).as_integer() == 1);
    CHECK(*items->at(1).as_string() == "x");
    CHECK(*root.find("b")->find("c")->as_bool());
    CHECK(root.find("c") == nullptr);
    CHECK(items->at(0).find("a") == nullptr);
  }
}

TEST_CASE("yaml: keeps the order of the text with its places", "[base][yaml]") {
  const Node root = REQUIRE_OK(parse("# remark\nz: 1\na:\n  - \xC3\xBC: 2\n"));
  const Node::Mapping& entries = *root.as_mapping();
  CHECK(entries[0].key == "z");
  CHECK(entries[1].key_mark.line == 3);
  const Node& item = entries[1].value.as_sequence()->front();
  CHECK(item.as_mapping()->front().value.mark.line == 4);
  CHECK(item.as_mapping()->front().value.mark.column == 8);  // in characters
}

TEST_CASE("yaml: guesses nothing", "[base][yaml]") {
  for (const auto* const text :
       {"yes", "no", "on", "True", "NULL", "Null", "0777", "0x1F", "1_000", "1.5", "1e3", ".inf",
        "12:30:45", "2026-01-01", "+1", "00", "-0x1", "=", "<<"}) {
    INFO(text);
    const Node node = value_of(text);
    REQUIRE(node.as_string() != nullptr);
    CHECK(*node.as_string() == text);
  }
}

TEST_CASE("yaml: reads the four plain kinds", "[base][yaml]") {
  for (const auto* const text : {"null", "~", ""}) {
    CHECK(std::holds_alternative<std::monostate>(value_of(text).value));
  }
  CHECK(*value_of("false").as_bool() == false);
  CHECK(*value_of("0").as_integer() == 0);
  CHECK(*value_of("-9223372036854775808").as_integer() == std::numeric_limits<std::int64_t>::min());
  CHECK(failure_of("v: 9223372036854775808") == "line 1, column 4: integer out of range");
}

TEST_CASE("yaml: a quoted scalar is a string", "[base][yaml]") {
  for (const auto* const text : {"'1'", "\"true\"", "'null'", "''", "|\n  1"}) {
    INFO(text);
    CHECK(value_of(text).as_string() != nullptr);
  }
}

TEST_CASE("yaml: refuses what a strict document does not have", "[base][yaml]") {
  struct Row {
    const char* text;
    const char* failure;
  };
  const Row row = GENERATE(values<Row>({
      {"a: &x 1\n", "line 1, column 4: anchors are not allowed"},
      {"a: &x [1]\n", "line 1, column 4: anchors are not allowed"},
      {"a: &x {b: 1}\n", "line 1, column 4: anchors are not allowed"},
      {"a: *x\n", "line 1, column 4: aliases are not allowed"},
      {"a: !!str 1\n", "line 1, column 4: tags are not allowed"},
      {"a: ! 1\n", "line 1, column 4: tags are not allowed"},
      {"a: !t [1]\n", "line 1, column 4: tags are not allowed"},
      {"a: !t {b: 1}\n", "line 1, column 4: tags are not allowed"},
      {"%TAG !e! tag:example:\n---\na: 1\n", "line 1, column 1: tag directives are not allowed"},
      {"a: 1\nb: 2\na: 3\n", "line 3, column 1: the key stands twice"},
      {"a: {b: 1, 'b': 2}\n", "line 1, column 11: the key stands twice"},
      {"[a]: 1\n", "line 1, column 1: a key must be a scalar"},
      {"a: 1\n---\nb: 2\n", "line 2, column 1: a second document"},
      {"", "line 1, column 1: empty document"},
      {"# only a remark\n", "line 2, column 1: empty document"},
  }));
  INFO(row.text);
  CHECK(failure_of(row.text) == row.failure);
}

TEST_CASE("yaml: says where the syntax is wrong", "[base][yaml]") {
  CHECK(failure_of("a: [1\nb: 2\n").starts_with("line "));
  CHECK(failure_of("a: 1\n\tb: 2\n").starts_with("line 2, "));
  CHECK(failure_of("a: 1\nb: 'x\n").starts_with("line 3, "));
  CHECK(failure_of("a: 1\nb: \xFF\n").starts_with("line 2, column 4: "));
  CHECK(failure_of(std::string_view("a: \0\n", 5)).starts_with("line 1, column 4: "));
}

TEST_CASE("yaml: takes 32 levels", "[base][yaml]") {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  CHECK(parse(nested(32)).has_value());
  CHECK(failure_of(nested(33)) == "line 1, column 33: more than 32 levels");
  CHECK(failure_of(std::string(100000, '[')).find("more than 32 levels") != std::string::npos);
}

TEST_CASE("yaml: a fault names its place for the caller", "[base][yaml]") {
  const Error error = fault({3, 9}, "too red");
  CHECK(error.code() == Code::InvalidArgument);
  CHECK(error.advice() == "line 3, column 9: too red");
}

}  // namespace kw::yaml
