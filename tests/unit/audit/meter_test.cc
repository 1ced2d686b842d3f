// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cerrno>
#include <numeric>
#include <thread>

#include "audit_fixture.h"

namespace kw::test {
namespace {

using audit::LogState;

std::atomic<bool> meter_sync_fails{false};

int meter_fdatasync(int) {
  if (!meter_sync_fails) return 0;
  errno = EIO;
  return -1;
}

std::uint64_t count_in(const Distribution& distribution) {
  return std::accumulate(distribution.counts.begin(), distribution.counts.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE_METHOD(AuditFixture, "log meter: counts what was appended and what became durable",
                 "[audit][meter]") {
  const auto log = open();
  CHECK(log->meter().appended.value() == 1);  // the start
  for (int i = 0; i < 5; ++i) append_durably(*log);
  CHECK(log->meter().appended.value() == 6);
  CHECK(log->meter().durable.value() == 6);
  CHECK(log->meter().batch.read().sum == 6);
  CHECK(count_in(log->meter().batch.read()) <= 6);
  CHECK(count_in(log->meter().commit.read()) == count_in(log->meter().batch.read()));
}

TEST_CASE_METHOD(AuditFixture, "log meter: begins anew with each opening, not with the log",
                 "[audit][meter]") {
  { append_durably(*open()); }
  CHECK(open()->meter().durable.value() == 1);
}

TEST_CASE_METHOD(AuditFixture, "log meter: counts the seal of a full segment too",
                 "[audit][meter]") {
  options.segment_size = 1024;
  const auto log = open();
  for (int i = 0; i < 10; ++i) append_durably(*log);
  const std::uint64_t seals = segments().size() - 1;
  CHECK(seals > 0);
  CHECK(log->meter().appended.value() == 11 + seals);
  CHECK(log->meter().durable.value() == 11 + seals);
}

TEST_CASE_METHOD(AuditFixture, "log reading: says how much room the disk has", "[audit][meter]") {
  const auto log = open();
  append_durably(*log);
  const audit::LogReading now = log->read();
  CHECK(now.state == LogState::Open);
  CHECK(now.undurable_bytes == 0);
  CHECK(now.disk_free_bytes > 0);
  CHECK(now.disk_bytes >= now.disk_free_bytes);
}

TEST_CASE_METHOD(AuditFixture, "log reading: a folder that was moved away blocks it",
                 "[audit][meter]") {
  const auto log = open();
  const std::filesystem::path segment = segments().back();
  std::filesystem::rename(segment, dir / "elsewhere");
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  CHECK(log->read().state == LogState::Blocked);
  CHECK(log->read().undurable_bytes > 0);
  CHECK(count_in(log->meter().commit.read()) > count_in(log->meter().batch.read()));
  std::filesystem::rename(dir / "elsewhere", segment);
}

TEST_CASE_METHOD(AuditFixture, "log reading: a failed sync is for good", "[audit][meter]") {
  meter_sync_fails = false;
  options.calls.fdatasync = &meter_fdatasync;
  const auto log = open();
  meter_sync_fails = true;
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  CHECK(log->read().state == LogState::Dead);
}

}  // namespace kw::test
