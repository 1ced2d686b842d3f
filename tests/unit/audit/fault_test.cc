// SPDX-License-Identifier: Apache-2.0
#include "fault_fixture.h"

namespace kw::test {

using audit_verify::Finding;

TEST_CASE_METHOD(FaultFixture, "audit log: a full disk refuses waiters and later appends",
                 "[audit][fault]") {
  const auto log = open();
  write_error = ENOSPC;
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  CHECK_FALSE(log->healthy());
  CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
  Code told = Code::Internal;
  log->when_durable(ticket, [&](Result<void> done) { told = done.error().code(); });
  CHECK(told == Code::Unavailable);
}

TEST_CASE_METHOD(FaultFixture, "audit log: heals when space returns, without a gap",
                 "[audit][fault]") {
  {
    const auto log = open();
    write_error = ENOSPC;
    append_into_trouble(*log);
    write_error = 0;
    wait_until_healed(*log);
    append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().records == 5);
}

TEST_CASE_METHOD(FaultFixture, "audit log: says whose answers were withheld, and why",
                 "[audit][fault]") {
  struct Case {
    int error;
    const char* reason;
  };
  const auto c = GENERATE(Case{ENOSPC, "disk full"}, Case{EDQUOT, "disk full"},
                          Case{EROFS, "disk read-only"}, Case{EIO, "write failed"});
  std::vector<std::uint64_t> taken;
  {
    const auto log = open();
    append_durably(*log);
    write_error = c.error;
    taken = append_into_trouble(*log, 3);
    CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
    CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
    write_error = 0;
    wait_until_healed(*log);
    // Who asks late is not given what the record says was withheld.
    CHECK_CODE(log->wait_durable({taken.front(), {}}, deadline_in(kSoon)), Code::Unavailable);
    append_durably(*log);
  }
  const std::vector<Seen> seen = withheld();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].reason == c.reason);
  CHECK(seen[0].index == taken.back() + 1);
  CHECK(seen[0].numbers.at("first") == taken.front());
  CHECK(seen[0].numbers.at("count") == taken.size());
  CHECK(seen[0].numbers.at("refused") >= 2);
  CHECK_FALSE(note());
}

TEST_CASE_METHOD(FaultFixture, "audit log: notes its trouble while the disk is full",
                 "[audit][fault]") {
  const auto log = open();
  CHECK_FALSE(note());
  write_error = ENOSPC;
  const auto taken = append_into_trouble(*log, 2);
  wait_for_note(true);
  CHECK(note()->reason == audit::Reason::DiskFull);
  CHECK(note()->first == taken.front());
  CHECK(note()->end == taken.back() + 1);
  write_error = 0;
  wait_for_note(false);
}

TEST_CASE_METHOD(FaultFixture, "audit log: goes on where its trouble cannot be noted either",
                 "[audit][fault]") {
  options.reserve_calls.pwrite = &faulty_pwrite;
  {
    const auto log = open();
    write_error = EROFS;
    append_into_trouble(*log);
    write_error = 0;
    wait_until_healed(*log);
    append_durably(*log);
  }
  CHECK(withheld().size() == 1);
  CHECK_FALSE(note());
}

TEST_CASE_METHOD(FaultFixture, "audit log: the next start puts a noted trouble on record, once",
                 "[audit][fault]") {
  std::vector<std::uint64_t> taken;
  {
    const auto log = open();
    write_error = ENOSPC;
    taken = append_into_trouble(*log, 2);
  }
  REQUIRE(note());
  write_error = 0;
  open();
  CHECK_FALSE(note());
  open();
  const std::vector<Seen> seen = withheld();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].reason == "disk full");
  // Half of what was written came to the disk; what did not is no record.
  const std::uint64_t first = seen[0].numbers.at("first");
  CHECK(first == taken.front());
  CHECK(seen[0].index >= first + seen[0].numbers.at("count"));
  CHECK(seen[0].numbers.at("count") < taken.size());
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: refuses what waits too long for a slow disk",
                 "[audit][fault]") {
  options.durable_within = std::chrono::milliseconds(50);
  std::uint64_t first = 0;
  {
    const auto log = open();
    sync_hangs = true;
    first = REQUIRE_OK(log->append(a_wrap())).index;
    CHECK_CODE(log->wait_durable({first, {}}, deadline_in(kSoon)), Code::Unavailable);
    CHECK_FALSE(log->healthy());
    // The next ones do not even wait, and take no memory.
    CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
    wait_for_note(true);
    CHECK(note()->reason == audit::Reason::DiskSlow);
    sync_hangs = false;
    wait_until_healed(*log);
    CHECK_CODE(log->wait_durable({first, {}}, deadline_in(kSoon)), Code::Unavailable);
  }
  const std::vector<Seen> seen = withheld();
  REQUIRE(!seen.empty());
  CHECK(seen[0].reason == "disk slow");
  CHECK(seen[0].numbers.at("first") == first);
  CHECK(seen[0].numbers.at("count") == 1);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: heals in the middle of a new segment",
                 "[audit][fault]") {
  options.segment_size = 1024;
  {
    const auto log = open();
    for (int round = 0; round < 5; ++round) {
      write_error = ENOSPC;
      append_into_trouble(*log, 5);
      write_error = 0;
      wait_until_healed(*log);
      append_durably(*log);  // and what was withheld is on record
    }
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(withheld().size() == 5);
}

TEST_CASE_METHOD(FaultFixture, "audit log: a stop on a full disk leaves a sound log",
                 "[audit][fault]") {
  {
    const auto log = open();
    append_durably(*log);
    write_error = ENOSPC;
    const audit::Ticket lost = REQUIRE_OK(log->append(a_wrap()));
    CHECK_CODE(log->wait_durable(lost, deadline_in(kSoon)), Code::Unavailable);
  }
  write_error = 0;
  append_durably(*open());
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: a failed sync shuts it for good", "[audit][fault]") {
  const auto log = open();
  sync_error = EIO;
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  sync_error = 0;
  CHECK(log->failed_for_good());
  CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  wait_for_note(true);
  CHECK(note()->reason == audit::Reason::SyncFailed);
}

TEST_CASE_METHOD(FaultFixture, "audit log: what a failed sync left is written again at the start",
                 "[audit][fault]") {
  std::size_t taken = 0;
  {
    const auto log = open();
    sync_error = EIO;
    taken = append_into_trouble(*log, 3).size();
  }
  sync_error = 0;
  static std::atomic<std::size_t> written;  // below the end of what was there
  written = 0;
  options.calls.pwrite = [](int fd, const void* data, std::size_t size, off_t offset) {
    if (offset == 0) written = size;
    return ::pwrite(fd, data, size, offset);
  };
  const auto all = std::filesystem::file_size(segments().front());
  append_durably(*open());
  CHECK(written < all);  // no zeros
  CHECK(withheld().size() == 1);
  CHECK(withheld()[0].reason == "sync failed");
  // Those that were written before the sync that failed, and no others, are there.
  const std::uint64_t there = withheld()[0].numbers.at("count");
  CHECK(there >= 1);
  CHECK(there <= taken);
  CHECK(written > 64 + there * 300);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: calls back in the order of the indices",
                 "[audit][log]") {
  std::vector<std::uint64_t> called;  // by the committer alone, until the log is gone
  {
    const auto log = open();
    sync_hangs = true;
    std::vector<audit::Ticket> tickets;
    for (int i = 0; i < 200; ++i) tickets.push_back(REQUIRE_OK(log->append(a_wrap())));
    std::reverse(tickets.begin(), tickets.end());
    for (const auto& ticket : tickets) {
      log->when_durable(ticket, [&, ticket](Result<void>) { called.push_back(ticket.index); });
    }
    CHECK_CODE(log->wait_durable(tickets[0], Clock::now()), Code::DeadlineExceeded);
    sync_hangs = false;
  }
  CHECK(called.size() == 200);
  CHECK(std::is_sorted(called.begin(), called.end()));
}

TEST_CASE_METHOD(FaultFixture, "audit log: short writes lose nothing", "[audit][fault]") {
  longest_write = 7;
  options.zeros_ahead = 100;
  {
    const auto log = open();
    for (int i = 0; i < 20; ++i) append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().records == 22);
}

TEST_CASE_METHOD(FaultFixture, "audit log: does not open where it cannot write", "[audit][fault]") {
  write_error = EROFS;
  CHECK_CODE(audit::Log::open(dir.path(), options), Code::Unavailable);
}

}  // namespace kw::test
