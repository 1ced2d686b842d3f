// SPDX-License-Identifier: Apache-2.0
// Segments compressed by gzip(1), which is the other implementation here.
#include "archive_fixture.h"
#include "service/audit_verify/print.h"

namespace kw::test {
namespace {

using audit_verify::Finding;

struct CompressedFixture : ArchiveFixture {
  CompressedFixture() {
    write(30);
    plain = segments();
    REQUIRE(plain.size() > 3);
  }

  static std::filesystem::path gz(const std::filesystem::path& segment) {
    return segment.string() + ".gz";
  }
  void compress(std::size_t segment) const { shell("gzip -n " + plain.at(segment).string()); }

  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    REQUIRE_OK(audit_verify::read_records(dir.path(), 0, [&](const auto& record) {
      all.push_back(to_text(record));
      return true;
    }));
    return all;
  }

  std::vector<std::filesystem::path> plain;
};

}  // namespace

TEST_CASE_METHOD(CompressedFixture, "compressed segments: read as those that are not",
                 "[audit_archive]") {
  const auto before = lines();
  const auto good = verdict();
  for (std::size_t i = 0; i + 1 < plain.size(); i += 2) compress(i);
  CHECK(lines() == before);
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().last_leaf == good.last_leaf);
  compress(plain.size() - 1);
  CHECK(lines() == before);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: a page goes on where one ended",
                 "[audit_archive]") {
  const auto before = lines();
  audit_verify::RecordReader reader(audit_verify::Folders(dir.path()));
  std::vector<std::string> pages;
  for (std::size_t i = 0; pages.size() < before.size(); ++i) {
    if (i < plain.size()) compress(plain.size() - 1 - i);  // the one that is read, at some time
    const std::size_t most = pages.size() + 3;
    REQUIRE_OK(reader.read(pages.size(), [&](const auto& record) {
      pages.push_back(to_text(record));
      return pages.size() < most;
    }));
  }
  CHECK(pages == before);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: both files of one are an error",
                 "[audit_archive]") {
  shell("gzip -nk " + plain[1].string());
  CHECK_CODE(audit_verify::verify(dir.path()), Code::FailedPrecondition);
  CHECK_CODE(audit_verify::read_records(dir.path(), 0, [](const auto&) { return true; }),
             Code::FailedPrecondition);
  const auto twice = audit_verify::verify(dir.path());
  CHECK(twice.error().detail().find(gz(plain[1]).string()) != std::string::npos);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: a change within is found at its record",
                 "[audit_archive]") {
  std::string content = REQUIRE_OK(read_file(plain[1]));
  content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
  put(plain[1], content);
  const auto before = verdict();
  compress(1);
  const auto after = verdict();
  CHECK(after.finding == Finding::Tampered);
  CHECK(after.file == gz(plain[1]));
  CHECK(after.offset == before.offset);
  CHECK(after.index == before.index);
  CHECK(after.what == before.what);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: each flipped byte is found or harmless",
                 "[audit_archive]") {
  const auto before = lines();
  compress(1);
  const std::string content = REQUIRE_OK(read_file(gz(plain[1])));
  std::size_t harmless = 0;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::string flipped = content;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x40);
    put(gz(plain[1]), flipped);
    const auto result = verdict();
    if (result.finding == Finding::Good) {
      ++harmless;
      INFO(at);
      REQUIRE(lines() == before);
    }
  }
  // Time, extra flags and system in the gzip header, and what fills up the last byte of the
  // compressed data, say nothing of what is inside; by chance a distance leads to the same bytes.
  CHECK(harmless >= 6);
  CHECK(harmless < content.size() / 10);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: one cut anywhere is tampering",
                 "[audit_archive]") {
  compress(1);
  const std::string content = REQUIRE_OK(read_file(gz(plain[1])));
  for (std::size_t size = 0; size < content.size(); size += size < 30 ? 1 : 37) {
    put(gz(plain[1]), content.substr(0, size));
    INFO(size);
    REQUIRE(verdict().finding == Finding::Tampered);
  }
  put(gz(plain[1]), content.substr(0, content.size() - 1));
  CHECK(verdict().what == "a compressed segment that is cut short");
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: bytes behind one are tampering",
                 "[audit_archive]") {
  compress(1);
  const std::string content = REQUIRE_OK(read_file(gz(plain[1])));
  SECTION("any") { put(gz(plain[1]), content + std::string(1, '\0')); }
  SECTION("a second gzip member") { put(gz(plain[1]), content + content); }
  CHECK(verdict().finding == Finding::Tampered);
  CHECK(verdict().what == "bytes behind a compressed segment");
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: bytes that are not gzip are tampering",
                 "[audit_archive]") {
  SECTION("none") { put(gz(plain[1]), ""); }
  SECTION("a plain segment") { put(gz(plain[1]), REQUIRE_OK(read_file(plain[1]))); }
  SECTION("zlib's own format") {
    shell(
        "python3 -c 'import sys,zlib; sys.stdout.buffer.write(zlib.compress(open(sys.argv[1],"
        "\"rb\").read()))' " +
        plain[1].string() + " > " + gz(plain[1]).string());
  }
  std::filesystem::remove(plain[1]);
  CHECK(verdict().finding == Finding::Tampered);
  CHECK(verdict().file == gz(plain[1]));
}

TEST_CASE_METHOD(CompressedFixture, "segments: a file with another name is no part of the log",
                 "[audit_archive]") {
  for (const std::string name :
       {"99999999999999999999.kwa", "00000000000000000000.kwa.gz.new", "0.kwa", "x.kwa.gz",
        "0000000000000000000a.kwa", "-0000000000000000001.kwa", "00000000000000000000.gz"}) {
    put(dir / name, "x");
  }
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: a bomb is refused at 64 MiB",
                 "[audit_archive]") {
  const std::string last = plain.back().string();
  SECTION("of zeros") {
    shell("head -c 200M /dev/zero | cat " + last + " - | gzip -n > " + last + ".gz");
  }
  SECTION("of one byte too much") {
    shell("truncate -s 67108865 " + last + " && gzip -nk " + last);
  }
  std::filesystem::remove(last);
  CHECK(verdict().finding == Finding::Tampered);
  CHECK(verdict().what == "more in a compressed segment than a segment may hold");
}

TEST_CASE_METHOD(CompressedFixture, "compressed segments: one of just 64 MiB is none too large",
                 "[audit_archive]") {
  const std::string last = plain.back().string();
  shell("truncate -s 67108864 " + last + " && gzip -n " + last);
  CHECK(verdict().finding == Finding::Good);
}

}  // namespace kw::test
