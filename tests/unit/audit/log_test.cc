// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "audit_fixture.h"

namespace kw::test {

using audit::Log;
using audit_verify::Finding;

TEST_CASE_METHOD(AuditFixture, "audit log: a stopped log begins with its start", "[audit][log]") {
  open();
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().records == 2);
  CHECK(count_events("start") == 1);
  CHECK(count_events("stop") == 1);
}

TEST_CASE_METHOD(AuditFixture, "audit log: a receipt is what the verifier computes",
                 "[audit][log]") {
  const auto log = open();
  const audit::Ticket ticket = append_durably(*log);
  Sha256Digest leaf{};
  REQUIRE_OK(audit_verify::read_records(dir.path(), ticket.index, [&](const auto& record) {
    leaf = record.leaf;
    return false;
  }));
  CHECK(leaf == ticket.leaf);
}

TEST_CASE_METHOD(AuditFixture, "audit log: goes on where it stopped", "[audit][log]") {
  append_durably(*open());
  append_durably(*open());
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().records == 6);
}

TEST_CASE_METHOD(AuditFixture, "audit log: where many operations are in flight a commit takes many",
                 "[audit][log]") {
  constexpr std::size_t kForeseen = 16;
  constexpr std::uint64_t kRecords = 1000;
  options.gather_within = options.gather_step = std::chrono::milliseconds(500);
  const auto log = open();
  log->foresee(kForeseen);
  const auto commits = [&log] {
    const auto counts = log->meter().commit.read().counts;
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  const std::uint64_t before = commits();
  std::optional<audit::Ticket> last;
  for (std::uint64_t i = 0; i < kRecords; ++i) last = REQUIRE_OK(log->append(a_wrap()));
  REQUIRE_OK(log->wait_durable(*last, deadline_in(kSoon)));
  // Nothing was in flight before the first one.
  CHECK(commits() - before <= 1 + kRecords / (kForeseen / 2));
}

TEST_CASE_METHOD(AuditFixture, "audit log: a commit waits for half of what is in flight, no more",
                 "[audit][log]") {
  constexpr std::size_t kForeseen = 31;
  options.gather_within = options.gather_step = std::chrono::hours(1);
  const auto log = open();
  log->foresee(kForeseen);
  append_durably(*log);  // in flight at its end: this one, and those foreseen
  std::optional<audit::Ticket> last;
  for (std::size_t i = 0; i < (kForeseen + 1) / 2; ++i) last = REQUIRE_OK(log->append(a_wrap()));
  REQUIRE_OK(log->wait_durable(*last, deadline_in(kSoon)));
}

TEST_CASE_METHOD(AuditFixture, "audit log: what was foreseen and never comes keeps nobody waiting",
                 "[audit][log]") {
  const auto log = open();
  log->foresee(GENERATE(std::size_t{1}, std::size_t{16}, SIZE_MAX));
  append_durably(*log);
  append_durably(*log);
}

TEST_CASE_METHOD(AuditFixture, "audit log: belongs to one writer", "[audit][log]") {
  const auto log = open();
  CHECK_CODE(Log::open(dir.path(), options), Code::FailedPrecondition);
}

TEST_CASE_METHOD(AuditFixture, "audit log: many threads get every ticket once, in order",
                 "[audit][log]") {
  constexpr int kThreads = 8;
  constexpr int kEach = 250;
  options.segment_size = 64u << 10;  // so that segments end in the middle
  std::mutex mutex;
  std::vector<std::uint64_t> called;
  std::atomic<int> failures{0};
  {
    const auto log = open();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          auto ticket = log->append(a_wrap());
          if (!ticket) {
            ++failures;
            continue;
          }
          log->when_durable(*ticket, [&, index = ticket->index](Result<void> done) {
            const std::lock_guard lock(mutex);
            if (!done) ++failures;
            called.push_back(index);
          });
          if (!log->wait_durable(*ticket, deadline_in(kSoon))) ++failures;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(failures == 0);
  CHECK(called.size() == kThreads * kEach);
  std::sort(called.begin(), called.end());
  CHECK(std::adjacent_find(called.begin(), called.end()) == called.end());
  const auto result = verdict();
  CHECK(result.finding == Finding::Good);
  CHECK(segments().size() > 5);
  CHECK(result.records == kThreads * kEach + 2 + segments().size() - 1);
}

TEST_CASE_METHOD(AuditFixture, "audit log: tells who waits for many records once they are there",
                 "[audit][log]") {
  const auto log = open();
  std::atomic<std::uint64_t> seen{0};
  std::thread waits([&] {
    if (log->wait_for_growth(1, 5, deadline_in(kSoon))) seen = log->tree().size();
  });
  // Another, who wants fewer, does not take the other's place.
  for (int i = 0; i < 5; ++i) {
    append_durably(*log);
    CHECK(log->wait_for_growth(static_cast<std::uint64_t>(i) + 1, 1, deadline_in(kSoon)));
  }
  waits.join();
  CHECK(seen >= 6);
  CHECK(log->wait_for_growth(1, 1'000, Deadline{}));  // its time is over, the log goes on
  std::atomic<bool> goes_on{true};
  std::thread stops([&] { goes_on = log->wait_for_growth(1, 1'000, deadline_in(kSoon)); });
  log->stop();
  stops.join();
  CHECK_FALSE(goes_on);
}

TEST_CASE_METHOD(AuditFixture, "audit log: tells of a segment that begins", "[audit][log]") {
  options.segment_size = 1024;
  const auto log = open();
  std::atomic<bool> told{false};
  std::thread waits([&] { told = log->wait_for_growth(1, 1'000'000, deadline_in(kSoon)); });
  while (segments().size() < 2) append_durably(*log);
  waits.join();
  CHECK(told);
  CHECK(log->tree().size() < 100);
}

TEST_CASE_METHOD(AuditFixture, "audit log: bounds what is not durable yet", "[audit][log]") {
  options.undurable_limit = 400;
  const auto log = open();
  CHECK_CODE(log->append(a_wrap(std::string(512, 'x'))), Code::Unavailable);
  CHECK(log->healthy());
  CHECK(REQUIRE_OK(log->append(audit::system_record(audit::Event::TokenLost))).index == 1);
}

// Negative test 72.
TEST_CASE_METHOD(AuditFixture, "audit log: bounds a caller's megabyte of escapes", "[audit][72]") {
  std::string evil = "a\nb\x1b[2J\xff\u202e";
  while (evil.size() < (1u << 20)) evil += evil;
  {
    const auto log = open();
    audit::Record record = a_wrap(evil);
    record.source = record.operation = record.key_name = record.rule = evil;
    append_durably(*log, record);
  }
  CHECK(std::filesystem::file_size(segments().front()) < 4096);
  CHECK(verdict().finding == Finding::Good);
}

}  // namespace kw::test
