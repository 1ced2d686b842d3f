// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include "fault_fixture.h"

namespace kw::test {

using audit_verify::Finding;

TEST_CASE_METHOD(FaultFixture, "audit log: fails closed when its file is not in place",
                 "[audit][fault]") {
  options.probe_every = kSoon;
  options.zeros_ahead = GENERATE(std::size_t{0}, std::size_t{1} << 20);  // 0: each write extends
  const auto log = open();
  const auto segment = segments().front();
  const auto aside = dir / "aside";
  SECTION("removed") { std::filesystem::remove(segment); }
  SECTION("moved away") { std::filesystem::rename(segment, aside); }
  SECTION("replaced by a copy") {
    std::filesystem::copy_file(segment, aside);
    std::filesystem::rename(aside, segment);
  }
  SECTION("replaced by a link") {
    std::filesystem::rename(segment, aside);
    std::filesystem::create_symlink(aside, segment);
  }
  SECTION("cut") { std::filesystem::resize_file(segment, 100); }
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  CHECK_FALSE(log->healthy());
}

TEST_CASE_METHOD(FaultFixture, "audit log: uses its file again when it comes back in time",
                 "[audit][fault]") {
  options.probe_every = std::chrono::seconds(1);
  {
    const auto log = open();
    const auto segment = segments().front();
    std::filesystem::rename(segment, dir / "aside");
    append_into_trouble(*log);
    std::filesystem::rename(dir / "aside", segment);
    wait_until_healed(*log);
    append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(withheld().size() == 1);
}

TEST_CASE_METHOD(FaultFixture, "audit log: goes on in a new segment without hiding the lost one",
                 "[audit][fault]") {
  const auto segment = dir / "00000000000000000000.kwa";
  const auto aside = dir / "aside";
  std::vector<std::uint64_t> taken;
  Finding found = Finding::Truncated;
  {
    const auto log = open();
    append_durably(*log);
    SECTION("removed") { std::filesystem::remove(segment); }
    SECTION("moved away") { std::filesystem::rename(segment, aside); }
    SECTION("replaced by a link") {
      std::filesystem::rename(segment, aside);
      std::filesystem::create_symlink("/dev/full", segment);
      found = Finding::Tampered;
    }
    SECTION("replaced by a FIFO") {
      std::filesystem::remove(segment);
      REQUIRE(::mkfifo(segment.c_str(), 0600) == 0);
      found = Finding::Tampered;
    }
    SECTION("replaced by an older copy") {
      std::filesystem::copy_file(segment, aside);
      std::filesystem::rename(aside, segment);
    }
    taken = append_into_trouble(*log, 3);
    wait_until_healed(*log);
    append_durably(*log);
    // The tree holds what the folder does not.
    CHECK(log->tree().size() >= 6 + taken.size());
  }
  // start, wrap, seal | abandoned, the three, withheld, wrap, stop
  CHECK(verdict().finding == found);
  const std::vector<Seen> left = events("segment abandoned", 3);
  REQUIRE(left.size() == 1);
  CHECK(left[0].index == 3);
  CHECK(left[0].reason == "file displaced");
  CHECK(left[0].numbers.at("first") == 0);
  CHECK(left[0].numbers.at("count") == 3);
  const std::vector<Seen> seen = events("answers withheld", 3);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].index == 4 + taken.size());
  CHECK(seen[0].numbers.at("first") == 4);
  CHECK(seen[0].numbers.at("count") == taken.size());

  // It starts again as it is: tiles hold the leaves.
  append_durably(*open());
  CHECK(verdict().finding == found);

  // Who puts the copy where the segment was has all of it.
  std::filesystem::remove(segment);
  std::filesystem::rename(segment.string() + ".lost", segment);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: goes on where zeros were cut off, with nothing lost",
                 "[audit][fault]") {
  {
    const auto log = open();
    append_durably(*log);
    const auto segment = segments().front();
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 1);
    append_into_trouble(*log);
    wait_until_healed(*log);
    append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(events("segment abandoned").size() == 1);
}

TEST_CASE_METHOD(FaultFixture, "audit log: goes on where records were cut off, and the gap stays",
                 "[audit][fault]") {
  {
    const auto log = open();
    append_durably(*log);
    std::filesystem::resize_file(segments().front(), 100);
    append_into_trouble(*log);
    wait_until_healed(*log);
    append_durably(*log);
  }
  CHECK(verdict().finding != Finding::Good);
  append_durably(*open());
}

TEST_CASE_METHOD(FaultFixture, "audit log: writes nothing into a folder that is not its own",
                 "[audit][fault]") {
  const auto home = dir / "home";
  const auto moved = dir / "moved";
  const auto log = REQUIRE_OK(audit::Log::open(home, options));
  append_durably(*log);
  std::filesystem::rename(home, moved);
  std::filesystem::create_directory(home);
  append_into_trouble(*log);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(log->healthy());
  CHECK(std::filesystem::is_empty(home));
  std::filesystem::remove(home);
  std::filesystem::rename(moved, home);
  wait_until_healed(*log);
}

}  // namespace kw::test
