// SPDX-License-Identifier: Apache-2.0
#include "service/audit_archive/archive.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <thread>

#include "archive_fixture.h"

namespace kw::test {

using audit_archive::Moved;
using audit_verify::Finding;

TEST_CASE_METHOD(ArchiveFixture, "archive: moves all segments but the last", "[audit_archive]") {
  write(30);
  const auto before = segments();
  const auto good = verdict();
  REQUIRE(before.size() > 3);
  const Moved moved = REQUIRE_OK(archive());
  CHECK(moved.segments == before.size() - 1);
  CHECK(moved.first_index == 0);
  CHECK(audit::segment_name(moved.next_index) == before.back().filename());
  CHECK(segments() == std::vector{before.back()});
  const auto together = verdict_of(both());
  CHECK(together.finding == Finding::Good);
  CHECK(together.last_leaf == good.last_leaf);
  CHECK(together.records == good.records);
  CHECK(records_in(both()) == good.records);
}

TEST_CASE_METHOD(ArchiveFixture,
                 "archive: what is left alone is truncated, and so is what is moved",
                 "[audit_archive]") {
  write(30);
  REQUIRE_OK(archive());
  CHECK(verdict().finding == Finding::Truncated);
  CHECK(verdict_of(older.path()).finding == Finding::Truncated);
  CHECK(records_in(dir.path()) > 0);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: writes what gzip takes for its own", "[audit_archive]") {
  write(30);
  const auto first = segments().front();
  const std::string content = REQUIRE_OK(read_file(first));
  REQUIRE_OK(archive());
  const std::string packed = (older / (first.filename().string() + ".gz")).string();
  shell("gzip -t " + packed);
  shell("gzip -dc " + packed + " > " + (dir / "out").string());
  CHECK(REQUIRE_OK(read_file(dir / "out")) == content);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: keeps as many of the newest as it is told",
                 "[audit_archive]") {
  write(30);
  const std::size_t all = segments().size();
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = all})).segments == 0);
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = all + 5})).segments == 0);
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = 2})).segments == all - 2);
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = 2})).segments == 0);
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = 0})).segments == 1);
  CHECK(segments().size() == 1);
  CHECK(verdict_of(both()).finding == Finding::Good);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: moves only segments that are wholly older",
                 "[audit_archive]") {
  write(30);
  std::vector<std::uint64_t> latest;
  for (const auto& segment : REQUIRE_OK(audit_verify::list_segments(dir.path()))) {
    const auto sealed = audit_verify::check_sealed(segment);
    if (sealed) latest.push_back(sealed->latest_time);
  }
  REQUIRE(latest.size() == segments().size() - 1);
  CHECK(REQUIRE_OK(archive({.before = 1})).segments == 0);
  CHECK(REQUIRE_OK(archive({.before = latest[1]})).segments == 1);
  CHECK(REQUIRE_OK(archive({.before = latest[1] + 1})).segments == 1);
  CHECK(REQUIRE_OK(archive({.before = ~std::uint64_t{0}})).segments == latest.size() - 2);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: the service writes its log on meanwhile and afterwards",
                 "[audit_archive]") {
  auto log = open();
  for (int i = 0; i < 30; ++i) append_durably(*log);
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) append_durably(*log);
  });
  for (int i = 0; i < 10; ++i) {
    const auto moved = archive();
    CHECK(moved.has_value());
  }
  writer.join();
  CHECK(log->healthy());
  log.reset();
  write(20);
  REQUIRE_OK(archive());
  write(20);
  const auto result = verdict_of(both());
  CHECK(result.finding == Finding::Good);
  CHECK(records_in(both()) == result.records);
  CHECK(result.records > 370);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: what no checkpoint covers yet stays",
                 "[audit_archive]") {
  write(30);
  const std::size_t all = segments().size();
  const std::uint64_t second = REQUIRE_OK(audit_verify::list_segments(dir.path()))[1].first_index;
  put(dir / "checkpoint", "origin\n" + std::to_string(second - 1) + "\nroot\n");
  CHECK(REQUIRE_OK(archive()).segments == 0);
  put(dir / "checkpoint", "origin\n" + std::to_string(second) + "\nroot\n");
  CHECK(REQUIRE_OK(archive()).segments == 1);
  put(dir / "checkpoint", "");
  CHECK(REQUIRE_OK(archive()).segments == 0);
  put(dir / "checkpoint", "origin\n1000000\nroot\n");
  CHECK(REQUIRE_OK(archive()).segments == all - 2);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: leaves every other file of the folder alone",
                 "[audit_archive]") {
  write(30);
  std::filesystem::create_directories(dir / "tile/0");
  for (const std::string name : {"checkpoint.key", "tile/0/000", "x.kwa.new"}) {
    put(dir / name, name);
  }
  REQUIRE_OK(archive());
  for (const std::string name : {"checkpoint.key", "tile/0/000", "x.kwa.new"}) {
    CHECK(REQUIRE_OK(read_file(dir / name)) == name);
  }
  CHECK(std::filesystem::exists(dir / "lock"));
}

TEST_CASE_METHOD(ArchiveFixture, "archive: a damaged segment and those behind it stay",
                 "[audit_archive]") {
  write(30);
  const auto files = segments();
  std::string content = REQUIRE_OK(read_file(files[1]));
  SECTION("a flipped bit") {
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  }
  SECTION("no seal") { content.resize(64); }
  SECTION("bytes behind the seal") { content += "x"; }
  put(files[1], content);
  const auto moved = archive();
  REQUIRE_FALSE(moved.has_value());
  CHECK(moved.error().code() == Code::Internal);
  CHECK(moved.error().detail().find(files[1].string()) != std::string::npos);
  CHECK(segments() == std::vector(files.begin() + 1, files.end()));
}

// No service writes one; whoever reads the copy would refuse it.
TEST_CASE_METHOD(ArchiveFixture, "archive: a segment larger than 64 MiB stays, and has no copy",
                 "[audit_archive]") {
  options.segment_size = 65u << 20;
  options.undurable_limit = 1u << 30;
  {
    const auto log = open();
    audit::Record record = a_wrap(std::string(512, 'c'));
    record.key_name = std::string(511, 'k');
    for (int i = 0; i < 55'000; ++i) {
      if (!log->append(record)) FAIL("record " << i);
    }
  }
  const auto before = segments();
  REQUIRE(before.size() == 2);
  REQUIRE(std::filesystem::file_size(before[0]) > (64u << 20));
  CHECK_CODE(archive(), Code::Internal);
  CHECK(segments() == before);
  CHECK(names_in(older.path()).empty());
}

TEST_CASE_METHOD(ArchiveFixture, "archive: refuses a folder with another log's segments",
                 "[audit_archive]") {
  write(30);
  const auto before = segments();
  ArchiveFixture other;
  SECTION("of the same indices") {
    other.write(30);
    REQUIRE_OK(audit_archive::archive(other.dir.path(), older.path(), {}));
    CHECK_CODE(archive(), Code::Internal);
  }
  SECTION("that end before") {
    other.write(40);
    REQUIRE_OK(audit_archive::archive(other.dir.path(), older.path(), {.before = {}, .keep = 2}));
    std::filesystem::remove_all(dir.path());
    std::filesystem::create_directory(dir.path());
    for (const auto& file : other.segments()) {
      std::filesystem::rename(file, dir / file.filename());
    }
    std::filesystem::remove(older / names_in(older.path()).back());
    CHECK_CODE(archive(), Code::FailedPrecondition);
    return;
  }
  CHECK(segments() == before);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: a copy that differs keeps the segment where it is",
                 "[audit_archive]") {
  write(30);
  const auto files = segments();
  const auto copy = older / (files[0].filename().string() + ".gz");
  shell("head -c -1 " + files[0].string() + " | gzip -n > " + copy.string());
  CHECK_CODE(archive(), Code::Internal);
  CHECK(segments() == files);
  SECTION("not gzip") { put(copy, "x"); }
  SECTION("an empty file") { put(copy, ""); }
  SECTION("more than the segment") {
    shell("(cat " + files[0].string() + "; echo) | gzip -n > " + copy.string());
  }
  CHECK_CODE(archive(), Code::Internal);
  CHECK(segments() == files);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: says that there is no such folder or no log in it",
                 "[audit_archive]") {
  CHECK_CODE(audit_archive::archive(dir / "none", older.path(), {}), Code::NotFound);
  CHECK_CODE(archive(), Code::NotFound);
  write(30);
  put(older / "file", "");
  CHECK_CODE(audit_archive::archive(dir.path(), older / "file", {}), Code::Unavailable);
  CHECK_CODE(audit_archive::archive(dir.path(), "/proc/none/such", {}), Code::Unavailable);
  CHECK(verdict().finding == Finding::Good);
  CHECK(REQUIRE_OK(audit_archive::archive(dir.path(), older / "a/b/", {})).segments > 0);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: two runs at once are one too many", "[audit_archive]") {
  write(30);
  const FileDescriptor folder(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
  REQUIRE(::flock(folder.get(), LOCK_EX | LOCK_NB) == 0);
  CHECK_CODE(archive(), Code::FailedPrecondition);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(ArchiveFixture, "archive: moves segments that are compressed already",
                 "[audit_archive]") {
  write(30);
  shell("gzip -n " + segments()[0].string());
  REQUIRE_OK(archive());
  CHECK(segments().size() == 1);
  CHECK(verdict_of(both()).finding == Finding::Good);
}

}  // namespace kw::test
