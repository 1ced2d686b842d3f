// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <thread>

#include "audit_fixture.h"
#include "service/audit/reserve.h"

namespace kw::test {

// What the system refuses: errno, or 0.
inline std::atomic<int> write_error{0};
inline std::atomic<int> sync_error{0};
inline std::atomic<std::size_t> longest_write{SIZE_MAX};

inline ssize_t faulty_pwrite(int fd, const void* data, std::size_t size, off_t offset) {
  if (const int error = write_error; error != 0) {
    // Half of it lands, as on a disk that fills up.
    (void)!::pwrite(fd, data, size / 2, offset);
    errno = error;
    return -1;
  }
  return ::pwrite(fd, data, std::min(size, longest_write.load()), offset);
}

inline std::atomic<bool> sync_hangs{false};

inline int faulty_fdatasync(int) {
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

  // A log is healthy again once all that was appended before is durable, or once nothing was wrong.
  // A deadline keeps a bug from hanging the test.
  void wait_until_healed(audit::Log& log) {
    const Deadline deadline = deadline_in(kSoon);
    while (!log.healthy() && !has_passed(deadline)) std::this_thread::yield();
    REQUIRE(log.healthy());
  }

  // Appends until the log has met its trouble, and says which the records are that it took.
  std::vector<std::uint64_t> append_into_trouble(audit::Log& log, int count = 1) {
    std::vector<std::uint64_t> taken;
    for (int i = 0; i < count; ++i) {
      const auto ticket = log.append(a_wrap());
      if (!ticket) break;
      taken.push_back(ticket->index);
    }
    REQUIRE_FALSE(taken.empty());
    CHECK_CODE(log.wait_durable({taken.back(), {}}, deadline_in(kSoon)), Code::Unavailable);
    return taken;
  }

  // The fields of the records that say that answers were withheld, or that a segment was abandoned.
  struct Seen {
    std::uint64_t index = 0;
    std::string reason;
    std::map<std::string, std::uint64_t> numbers;
  };
  std::vector<Seen> events(std::string_view event, std::uint64_t from = 0) const {
    std::vector<Seen> seen;
    REQUIRE_OK(audit_verify::read_records(dir.path(), from, [&](const auto& record) {
      const auto* is = record.find("event");
      if (is == nullptr || is->word != event) return true;
      Seen one{record.index, std::string(record.find("reason")->word), {}};
      for (const auto& field : record.fields) {
        if (field.form == audit_verify::FieldForm::Number) {
          one.numbers[std::string(field.name)] = field.number;
        }
      }
      seen.push_back(one);
      return true;
    }));
    return seen;
  }
  std::vector<Seen> withheld() const { return events("answers withheld"); }

  std::optional<audit::Trouble> note() const {
    return REQUIRE_OK(audit::Reserve::open(dir.path(), audit::system_calls())).note();
  }
  void wait_for_note(bool there) const {
    const Deadline deadline = deadline_in(kSoon);
    while (note().has_value() != there && !has_passed(deadline)) std::this_thread::yield();
    REQUIRE(note().has_value() == there);
  }
};

}  // namespace kw::test
