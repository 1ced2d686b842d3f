// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <fstream>

#include "audit_fixture.h"
#include "service/audit/segment.h"

namespace kw::test {

using audit::Log;
using audit_verify::Finding;

namespace {

// A log whose files can be set to any bytes before it is opened again.
struct CrashFixture : AuditFixture {
  CrashFixture() {
    const auto log = open();
    for (int i = 0; i < 3; ++i) append_durably(*log);
  }
  std::filesystem::path file() const { return dir / audit::segment_name(0); }
  std::string content() const { return REQUIRE_OK(read_file(file())); }
  void set(const std::string& content) const {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << content;
  }

  // Where each frame begins, and where the last ends.
  static std::vector<std::size_t> boundaries(const std::string& log) {
    std::vector<std::size_t> found{audit::kSegmentHeader};
    while (found.back() + 4 <= log.size()) {
      const std::size_t length = read_u32(as_bytes(log).subspan(found.back()));
      found.push_back(found.back() + audit::kFrameHeader + length);
    }
    return found;
  }
};

}  // namespace

TEST_CASE_METHOD(CrashFixture, "audit log: cuts a tail torn at any byte, with a record of it",
                 "[audit][recovery]") {
  const std::string whole = content();
  const auto frames = boundaries(whole);
  const std::size_t last = frames[frames.size() - 2];
  options.zeros_ahead = 64;
  for (std::size_t cut = last + 1; cut < whole.size(); ++cut) {
    for (const std::size_t zeros : {std::size_t{0}, std::size_t{500}}) {
      INFO("cut at " << cut << ", zeros " << zeros);
      const std::string torn = whole.substr(0, cut) + std::string(zeros, '\0');
      set(torn);
      // The first bytes of a length are zeros themselves: the tail is torn from the fifth on, or
      // the third, where the length stands.
      const bool visible = torn.find_last_not_of('\0') >= last;
      CHECK(verdict().finding == (visible ? Finding::TornTail : Finding::Good));
      open();
      REQUIRE(verdict().finding == Finding::Good);
      REQUIRE(count_events("recovered") == (visible ? 1 : 0));
    }
  }
}

TEST_CASE_METHOD(CrashFixture, "audit log: records how much it cut, and its hash",
                 "[audit][recovery]") {
  const std::string junk = "half a record";
  set(content() + junk + std::string(100, '\0'));
  open();
  REQUIRE_OK(audit_verify::read_records(dir.path(), 5, [&](const auto& record) {
    CHECK(record.find("event")->word == "recovered");
    CHECK(record.find("count")->number == junk.size());
    const auto expected = sha256(as_bytes(junk));
    CHECK(to_hex(record.find("digest")->bytes) == to_hex(expected));
    return false;
  }));
}

TEST_CASE_METHOD(CrashFixture, "audit log: refuses damage with good records behind it",
                 "[audit][recovery]") {
  std::string damaged = content();
  const auto frames = boundaries(damaged);
  for (std::size_t at = 0; at < frames[frames.size() - 2]; at += 5) {
    INFO("flipped at " << at);
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    set(damaged);
    CHECK_CODE(Log::open(dir.path(), options), Code::Internal);
    CHECK(content() == damaged);
    CHECK(verdict().finding == Finding::Tampered);
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
  }
}

TEST_CASE_METHOD(CrashFixture, "audit log: heals damage that no checkpoint covers, and keeps it",
                 "[audit][recovery]") {
  const std::string whole = content();
  const auto frames = boundaries(whole);
  REQUIRE(frames.size() == 6);  // start, three records, stop
  {
    const auto log = open();
    options.signed_head = REQUIRE_OK(log->tree().head(2));
  }
  for (std::size_t at = frames[0]; at < frames[4]; at += 7) {
    INFO("flipped at " << at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    set(damaged);
    REQUIRE(verdict().finding == Finding::Tampered);
    if (at < frames[2]) {
      CHECK_CODE(Log::open(dir.path(), options), Code::Internal);
      CHECK(content() == damaged);
      continue;
    }
    open();
    CHECK(verdict().finding == Finding::Good);
    CHECK(count_events("recovered") == 1);
    const std::size_t start = at < frames[3] ? frames[2] : frames[3];
    CHECK(REQUIRE_OK(read_file(file().string() + "." + std::to_string(start) + ".torn")) ==
          damaged.substr(start));
  }
}

TEST_CASE_METHOD(CrashFixture, "audit log: goes on behind zeros written ahead",
                 "[audit][recovery]") {
  set(content() + std::string(5000, '\0'));
  CHECK(verdict().finding == Finding::Good);
  open();
  CHECK(verdict().finding == Finding::Good);
  CHECK(count_events("recovered") == 0);
}

TEST_CASE_METHOD(CrashFixture, "audit log: goes on behind a seal that a crash left last",
                 "[audit][recovery]") {
  options.segment_size = 512;
  append_durably(*open());
  const auto files = segments();
  REQUIRE(files.size() > 2);
  std::filesystem::remove(files.back());
  CHECK(verdict().finding == Finding::Truncated);
  open();
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(CrashFixture, "audit log: a segment never named is no part of it",
                 "[audit][recovery]") {
  REQUIRE_OK(write_file(dir / "00000000000000000006.kwa.new", "half a header"));
  options.segment_size = 512;
  append_durably(*open());
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(CrashFixture, "audit log: refuses a segment that is no regular file",
                 "[audit][recovery]") {
  std::filesystem::rename(file(), dir / "aside");
  SECTION("a link") { std::filesystem::create_symlink(dir / "aside", file()); }
  SECTION("a FIFO") { REQUIRE(::mkfifo(file().c_str(), 0600) == 0); }
  SECTION("a device") { std::filesystem::create_symlink("/dev/full", file()); }
  SECTION("a folder") { std::filesystem::create_directory(file()); }
  CHECK_CODE(Log::open(dir.path(), options), Code::Unavailable);
  CHECK(verdict().finding == Finding::Tampered);
}

}  // namespace kw::test
