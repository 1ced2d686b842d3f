// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/table.h"

#include "a_record.h"
#include "service/audit_read/column.h"

namespace kw::test {

using audit_read::cell_of;
using audit_read::parse_columns;
using audit_read::Table;

TEST_CASE("table: tabs for programs, even columns for people", "[audit_read]") {
  Table tabs(Table::Layout::Tabs);
  CHECK(tabs.line({"a", "bb", "c"}) == "a\tbb\tc\n");
  Table aligned(Table::Layout::Aligned);
  CHECK(aligned.line({"a", "bb", "c"}) == "a  bb  c\n");
  CHECK(aligned.line({"Größe", "b", "c"}) == "Größe  b   c\n");
  CHECK(aligned.line({"a", "b", "c"}) == "a      b   c\n");
}

TEST_CASE("columns: take the format page's names and op, each once", "[audit_read]") {
  const auto columns = REQUIRE_OK(parse_columns("time,op,leaf"));
  REQUIRE(columns.size() == 3);
  CHECK(columns[1].name == "op");
  CHECK(columns[1].field.name == "operation");
  for (const std::string_view wrong :
       {"", ",", "time,", "time,,op", "op,operation", "Time", "time op", "colour"}) {
    INFO(wrong);
    CHECK_CODE(parse_columns(wrong), Code::InvalidArgument);
  }
  CHECK(parse_columns("op,\x1b[2J").error().detail() == "no field is called \"\\x1b[2J\"");
}

TEST_CASE("columns: no text breaks out of its cell", "[audit_read]") {
  const auto columns = REQUIRE_OK(parse_columns("caller,event"));
  const Read hostile(a_wrap("a\tb\nc\x1b[2J\xff"));
  CHECK(cell_of(hostile.decoded, columns[0]) == "a\\x09b\\x0ac\\x1b[2J\\xff");
  CHECK(cell_of(hostile.decoded, columns[1]) == "-");
}

}  // namespace kw::test
