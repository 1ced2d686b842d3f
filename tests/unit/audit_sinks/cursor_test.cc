// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/cursor.h"

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

using audit_sinks::Cursor;

TEST_CASE("audit sinks: a new cursor begins with what is new", "[sinks][cursor]") {
  const TempDir dir;
  CHECK(REQUIRE_OK(Cursor::open(dir / "sinks", "a", 41)).index() == 41);
  // Also when the process ends before it sent anything.
  CHECK(REQUIRE_OK(Cursor::open(dir / "sinks", "a", 99)).index() == 41);
  CHECK(REQUIRE_OK(read_file(dir / "sinks/a.cursor")) == "41\n");
}

TEST_CASE("audit sinks: a cursor is where it was moved to", "[sinks][cursor]") {
  const TempDir dir;
  Cursor cursor = REQUIRE_OK(Cursor::open(dir / "sinks", "a", 0));
  REQUIRE_OK(cursor.move_to(7, Cursor::When::Now));
  REQUIRE_OK(cursor.move_to(8, Cursor::When::Due));  // within the second
  CHECK(REQUIRE_OK(Cursor::open(dir / "sinks", "a", 9)).index() == 7);
  CHECK(REQUIRE_OK(Cursor::open(dir / "sinks", "b", 9)).index() == 9);
}

TEST_CASE("audit sinks: a cursor beyond the log's end begins with what is new", "[sinks][cursor]") {
  const TempDir dir;
  REQUIRE_OK(Cursor::open(dir / "sinks", "a", 50));
  CHECK(REQUIRE_OK(Cursor::open(dir / "sinks", "a", 49)).index() == 49);
  CHECK(REQUIRE_OK(read_file(dir / "sinks/a.cursor")) == "49\n");
}

TEST_CASE("audit sinks: a damaged cursor is refused", "[sinks][cursor]") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "sinks");
  for (const std::string text :
       {"", "7", "x\n", "-1\n", "7 \n", "7\n\n", "18446744073709551616\n"}) {
    INFO(text);
    REQUIRE_OK(write_file(dir / "sinks/a.cursor", text));
    CHECK_CODE(Cursor::open(dir / "sinks", "a", 100), Code::InvalidArgument);
  }
}

}  // namespace kw::test
