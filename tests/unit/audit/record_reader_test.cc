// SPDX-License-Identifier: Apache-2.0
// A log that is read page by page, while it grows.
#include "service/audit_verify/record_reader.h"

#include "audit_fixture.h"
#include "service/audit_verify/print.h"

namespace kw::audit_verify {
namespace {

using test::a_wrap;

struct PageFixture : test::AuditFixture {
  PageFixture() { options.segment_size = 2048; }

  // Up to `most` records from the reader's page on; the place goes on behind them.
  std::vector<std::string> page(std::size_t most) {
    std::vector<std::string> lines;
    const std::uint64_t from = next;
    REQUIRE_OK(reader.read(from, [&](const DecodedRecord& record) {
      CHECK(record.index == next);
      lines.push_back(to_json(record));
      next = record.index + 1;
      return lines.size() < most;
    }));
    return lines;
  }

  std::vector<std::string> all() const {
    std::vector<std::string> lines;
    REQUIRE_OK(read_records(dir.path(), 0, [&](const DecodedRecord& record) {
      lines.push_back(to_json(record));
      return true;
    }));
    return lines;
  }

  // Turns a bit of the first record of the segment that holds the newest ones.
  void damage_newest_segment() const {
    const std::filesystem::path file = segments().back();
    std::string bytes = REQUIRE_OK(read_file(file));
    bytes[64 + 20] ^= 1;
    REQUIRE_OK(write_file(file, bytes));
  }

  Result<void> read_from(std::uint64_t first) {
    return reader.read(first, [](const DecodedRecord&) { return true; });
  }

  RecordReader reader{Folders(dir.path())};
  std::uint64_t next = 0;
};

}  // namespace

TEST_CASE_METHOD(PageFixture, "record reader: pages of any size are the log, over segments",
                 "[audit][reader]") {
  const auto log = open();
  for (int i = 0; i < 40; ++i) (void)append_durably(*log);
  REQUIRE(segments().size() > 3);
  const std::size_t size = GENERATE(as<std::size_t>{}, 1, 2, 7, 1000);
  std::vector<std::string> lines;
  for (;;) {
    const std::vector<std::string> more = page(size);
    if (more.empty()) break;
    lines.insert(lines.end(), more.begin(), more.end());
  }
  CHECK(lines == all());
}

TEST_CASE_METHOD(PageFixture, "record reader: follows a log that grows", "[audit][reader]") {
  const auto log = open();
  std::vector<std::string> lines;
  for (int i = 0; i < 30; ++i) {
    for (int each = 0; each < i % 3; ++each) (void)append_durably(*log);
    const std::vector<std::string> more = page(1000);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  CHECK(segments().size() > 2);
  CHECK(lines == all());
  CHECK(page(1000).empty());
}

TEST_CASE_METHOD(PageFixture, "record reader: a record that was not wanted comes again",
                 "[audit][reader]") {
  options.segment_size = 1u << 20;
  const auto log = open();
  for (int i = 0; i < 5; ++i) (void)append_durably(*log);
  const auto up_to_third = [](const DecodedRecord& record) { return record.index < 3; };
  REQUIRE_OK(reader.read(0, up_to_third));
  damage_newest_segment();  // what was read is not read again
  next = 3;
  CHECK(page(1).size() == 1);
  CHECK(next == 4);
}

TEST_CASE_METHOD(PageFixture, "record reader: a page goes on where one ended, no other does",
                 "[audit][reader]") {
  options.segment_size = 1u << 20;
  const auto log = open();
  for (int i = 0; i < 9; ++i) (void)append_durably(*log);
  REQUIRE(page(4).size() == 4);
  damage_newest_segment();
  CHECK(page(2).size() == 2);
  CHECK_CODE(read_from(2), Code::Internal);  // nobody stopped there: all is checked
  CHECK_CODE(RecordReader(Folders(dir.path())).read(next, [](const auto&) { return true; }),
             Code::Internal);
}

TEST_CASE_METHOD(PageFixture, "record reader: what does not continue a page is a fault",
                 "[audit][reader]") {
  options.segment_size = 1u << 20;
  std::vector<std::string> contents;
  for (int i = 0; i < 2; ++i) {  // two logs of the same lengths
    for (const std::filesystem::path& file : segments()) std::filesystem::remove(file);
    std::filesystem::remove_all(dir.path() / "tile");
    const auto log = open();
    for (int each = 0; each < 6; ++each) (void)append_durably(*log);
    contents.push_back(REQUIRE_OK(read_file(segments().back())));
  }
  REQUIRE_OK(write_file(segments().back(), contents[0]));
  REQUIRE(page(3).size() == 3);
  REQUIRE_OK(write_file(segments().back(), contents[1]));
  CHECK_CODE(read_from(3), Code::Internal);
}

TEST_CASE_METHOD(PageFixture, "record reader: a log that is not there", "[audit][reader]") {
  RecordReader nowhere(Folders(dir.path() / "none"));
  CHECK_CODE(nowhere.read(0, [](const auto&) { return true; }), Code::NotFound);
  CHECK(page(10).empty());  // a folder without a segment
  const auto log = open();
  CHECK(page(10).size() == 1);
}

TEST_CASE_METHOD(PageFixture, "record reader: more readers than it remembers lose no record",
                 "[audit][reader]") {
  const auto log = open();
  for (int i = 0; i < 60; ++i) (void)append_durably(*log);
  const std::vector<std::string> whole = all();
  std::vector<std::uint64_t> places(30);
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t& place : places) {
      next = place;
      for (const std::string& line : page(3)) CHECK(line == whole[place++]);
    }
  }
}

}  // namespace kw::audit_verify
