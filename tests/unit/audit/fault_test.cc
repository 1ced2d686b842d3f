// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "audit_fixture.h"

namespace kw::test {
namespace {

using audit_verify::Finding;

// What the system refuses: errno, or 0.
std::atomic<int> write_error{0};
std::atomic<int> sync_error{0};
std::atomic<std::size_t> longest_write{SIZE_MAX};

ssize_t faulty_pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  if (const int error = write_error; error != 0) {
    // Half of it lands, as on a disk that fills up.
    (void)!::pwrite(fd, data, size / 2, offset);
    errno = error;
    return -1;
  }
  return ::pwrite(fd, data, std::min(size, longest_write.load()), offset);
}

std::atomic<bool> sync_hangs{false};

int faulty_fdatasync(int) {
  while (sync_hangs) std::this_thread::yield();
  if (sync_error == 0) return 0;
  errno = sync_error;
  return -1;
}

struct FaultFixture : AuditFixture {
  FaultFixture() {
    write_error = 0;
    sync_error = 0;
    sync_hangs = false;
    longest_write = SIZE_MAX;
    options.calls.pwrite = &faulty_pwrite;
    options.calls.fdatasync = &faulty_fdatasync;
    options.probe_every = std::chrono::milliseconds(1);
  }

  // Waits until the log has healed: until what was refused is durable. That it looks healthy is not
  // enough, for the committer may still be in a write that fails. A deadline keeps a bug from
  // hanging the test.
  void wait_until_durable(audit::Log& log, const audit::Ticket& ticket) {
    const Deadline deadline = deadline_in(kSoon);
    while (!log.wait_durable(ticket, deadline) && !has_passed(deadline)) std::this_thread::yield();
    REQUIRE_OK(log.wait_durable(ticket, deadline_in(kSoon)));
  }
};

}  // namespace

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
    const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
    CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
    write_error = 0;
    wait_until_durable(*log, ticket);
    append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  CHECK(verdict().records == 4);
}

TEST_CASE_METHOD(FaultFixture, "audit log: heals in the middle of a new segment",
                 "[audit][fault]") {
  options.segment_size = 1024;
  {
    const auto log = open();
    for (int round = 0; round < 5; ++round) {
      write_error = ENOSPC;
      std::vector<audit::Ticket> tickets;
      for (int i = 0; i < 5; ++i) {
        auto ticket = log->append(a_wrap());
        if (ticket) tickets.push_back(*ticket);
      }
      write_error = 0;
      for (const auto& ticket : tickets) wait_until_durable(*log, ticket);
    }
  }
  CHECK(verdict().finding == Finding::Good);
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

TEST_CASE_METHOD(FaultFixture, "audit log: fails closed when its file is not in place",
                 "[audit][fault]") {
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

TEST_CASE_METHOD(FaultFixture, "audit log: heals when its file comes back", "[audit][fault]") {
  {
    const auto log = open();
    const auto segment = segments().front();
    std::filesystem::rename(segment, dir / "aside");
    const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
    CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
    std::filesystem::rename(dir / "aside", segment);
    wait_until_durable(*log, ticket);
    append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
}

}  // namespace kw::test
