// SPDX-License-Identifier: Apache-2.0
#include "service/store/row.h"

#include <limits>

#include "base/file.h"
#include "tests/unit/store/fixture.h"

namespace kw::store {
namespace {

RowMac filled(std::uint8_t byte) {
  RowMac mac;
  mac.fill(byte);
  return mac;
}

std::string column_of(const std::string& page, std::string_view from, std::string_view to) {
  const std::size_t start = page.find(from);
  const std::size_t end = page.find(to, start);
  REQUIRE(start != std::string::npos);
  REQUIRE(end != std::string::npos);
  return page.substr(start, end - start);
}

// The hex words that open each line of the page's example.
std::string hex_of(const std::string& lines) {
  std::string hex;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    std::string line = lines.substr(at, end - at);
    line = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    line = line.substr(0, line.find("  "));
    for (const char c : line) {
      if (c != ' ') hex += c;
    }
    at = end + 1;
  }
  return hex;
}

TEST_CASE("row: the encoding and MAC are those of the worked example", "[store][vectors]") {
  const std::string page =
      REQUIRE_OK(read_file(std::filesystem::path(DOCS_DIR) / "catalog-format.md"));
  const std::string wanted = hex_of(column_of(page, "    6b65", "\n\nand under the key"));
  const Columns columns{Value{std::string("a")}, Value{Bytes{0x00, 0xff}}};
  const Bytes encoded = encode_row('S', columns);
  CHECK(to_hex(encoded) == wanted);
  // The page's MAC was made with Python's hmac module.
  const std::string mac = column_of(page, "its MAC is", "\n\n## The head");
  CHECK(mac.find(to_hex(REQUIRE_OK(test::openssl_mac(encoded)))) != std::string::npos);
}

TEST_CASE("row: integers are big-endian two's complement", "[store][row]") {
  const Columns columns{Value{std::int64_t{-2}}, Value{}};
  const std::string hex = to_hex(encode_row('H', columns));
  CHECK(hex.substr(hex.size() - 22) == "4869fffffffffffffffe6e");
}

TEST_CASE("row: values that look alike are encoded apart", "[store][row]") {
  const std::vector<Columns> rows{
      {Value{std::string("ab")}, Value{std::string("c")}},
      {Value{std::string("a")}, Value{std::string("bc")}},
      {Value{std::string("abc")}},
      {Value{Bytes{'a', 'b', 'c'}}},
      {Value{}},
      {Value{std::string()}},
      {Value{Bytes()}},
      {Value{std::int64_t{0}}},
      {},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(encode_row('K', rows[i]) != encode_row('V', rows[i]));
    for (std::size_t j = 0; j < i; ++j) CHECK(encode_row('K', rows[i]) != encode_row('K', rows[j]));
  }
}

TEST_CASE("row: a description leaves out bytes that do not print", "[store][row]") {
  const Columns key{Value{Bytes{0xab}}, Value{std::int64_t{7}}, Value{std::string("a\n\x1b[31m")}};
  CHECK(describe_row("versions", key) == "versions ab 7 a??[31m");
}

TEST_CASE("sum: addition carries over all bytes", "[store][sum]") {
  RowMac one{};
  one.back() = 1;
  RowSum sum(filled(0xff));
  sum.add(one);
  CHECK(sum.value() == filled(0));
}

TEST_CASE("sum: subtraction borrows over all bytes", "[store][sum]") {
  RowMac one{};
  one.back() = 1;
  RowSum sum;
  sum.subtract(one);
  CHECK(sum.value() == filled(0xff));
}

TEST_CASE("sum: what was added can be taken off in any order", "[store][sum]") {
  const RowMac a = filled(0x9d);
  const RowMac b = filled(0xf3);
  RowSum sum(filled(0x42));
  sum.add(a);
  sum.add(b);
  sum.subtract(a);
  sum.subtract(b);
  CHECK(sum.value() == filled(0x42));
}

}  // namespace
}  // namespace kw::store
