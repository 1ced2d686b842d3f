// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/feed.h"

#include "audit_fixture.h"

namespace kw::test {
namespace {

using audit_sinks::Feed;

struct FeedFixture : AuditFixture {
  FeedFixture() {
    options.segment_size = 2048;
    options.probe_every = std::chrono::milliseconds(1);
  }

  // Everything that is durable and behind the feed's place.
  std::vector<std::uint64_t> read_all(Feed& feed, const audit::Log& log, std::size_t most = 3) {
    std::vector<std::uint64_t> indices;
    const std::uint64_t end = log.tree().size();
    while (feed.place() < end) {
      REQUIRE_OK(
          feed.read(end, most, [&](const auto& record) { indices.push_back(record.index); }));
    }
    return indices;
  }

  // The same record by record, as the verifier reads it.
  std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) const {
    std::vector<std::uint64_t> indices;
    for (; from < to; ++from) indices.push_back(from);
    return indices;
  }
};

}  // namespace

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed reads a log while it is written",
                 "[sinks][feed]") {
  const auto log = open();
  Feed feed(dir.path(), 0);
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 40; ++i) {
    append_durably(*log);
    const auto some = read_all(feed, *log, 1 + static_cast<std::size_t>(i) % 4);
    all.insert(all.end(), some.begin(), some.end());
  }
  CHECK(segments().size() > 3);
  CHECK(all == range(0, log->tree().size()));
  CHECK(feed.missed() == 0);
}

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed begins anywhere", "[sinks][feed]") {
  const auto log = open();
  for (int i = 0; i < 40; ++i) append_durably(*log);
  const std::uint64_t size = log->tree().size();
  for (std::uint64_t first = 0; first < size; ++first) {
    Feed feed(dir.path(), first);
    CHECK(read_all(feed, *log, 1000) == range(first, size));
    feed.move_to(first / 2);
    CHECK(read_all(feed, *log, 1000) == range(first / 2, size));
  }
}

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed gives the record that a receipt names",
                 "[sinks][feed]") {
  const auto log = open();
  const audit::Ticket ticket = append_durably(*log);
  Feed feed(dir.path(), ticket.index);
  REQUIRE_OK(feed.read(ticket.index + 1, 9, [&](const auto& record) {
    CHECK(record.leaf == ticket.leaf);
    CHECK(as_text(record.find("caller")->bytes) == "spiffe://example.org/app");
  }));
  CHECK(feed.place() == ticket.index + 1);
}

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed reads a segment to its end that was removed",
                 "[sinks][feed]") {
  const auto log = open();
  append_durably(*log);
  Feed feed(dir.path(), 0);
  REQUIRE_OK(feed.read(1, 1, [](const auto&) {}));
  std::filesystem::remove(segments().front());
  const audit::Ticket refused = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(refused, deadline_in(kSoon)), Code::Unavailable);
  const Deadline deadline = deadline_in(kSoon);
  while (!log->healthy() && !has_passed(deadline)) std::this_thread::yield();
  append_durably(*log);
  CHECK(read_all(feed, *log) == range(1, log->tree().size()));
  CHECK(feed.missed() == 0);
}

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed counts what no segment holds any more",
                 "[sinks][feed]") {
  const auto log = open();
  for (int i = 0; i < 40; ++i) append_durably(*log);
  const auto files = segments();
  REQUIRE(files.size() > 3);
  const std::uint64_t from = audit::first_index_of(files[1]);
  const std::uint64_t to = audit::first_index_of(files[2]);
  SECTION("removed") { std::filesystem::remove(files[1]); }
  SECTION("cut") { std::filesystem::resize_file(files[1], 64); }
  SECTION("a link") {
    std::filesystem::remove(files[1]);
    std::filesystem::create_symlink("/dev/zero", files[1]);
  }
  Feed feed(dir.path(), 0);
  auto expected = range(0, from);
  const auto rest = range(to, log->tree().size());
  expected.insert(expected.end(), rest.begin(), rest.end());
  CHECK(read_all(feed, *log) == expected);
  CHECK(feed.missed() == to - from);
}

TEST_CASE_METHOD(FeedFixture, "audit sinks: a feed waits where there is nothing to go on with",
                 "[sinks][feed]") {
  const auto log = open();
  Feed feed(dir.path(), 0);
  std::filesystem::rename(segments().front(), dir / "aside");
  CHECK_CODE(feed.read(1, 1, [](const auto&) {}), Code::Unavailable);
  std::filesystem::rename(dir / "aside", dir / "00000000000000000000.kwa");
  CHECK(read_all(feed, *log) == range(0, 1));
}

}  // namespace kw::test
