// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "service/audit/log.h"
#include "service/audit_verify/record_reader.h"
#include "service/audit_verify/verify.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

constexpr std::chrono::seconds kSoon{60};

inline audit::Record a_wrap(std::string caller = "spiffe://example.org/app") {
  audit::Record record;
  record.request_id = RequestId::random();
  record.caller = std::move(caller);
  record.proof = audit::Proof::Mtls;
  record.source = "192.0.2.7:51000";
  record.operation = "wrap";
  record.key_id = KeyId::random();
  record.key_name = "payments/card";
  record.version = Version{3};
  record.outcome = audit::Outcome::Ok;
  record.rule = "app-wraps";
  record.policy_hash = sha256(as_bytes("policy"));
  record.bytes_in = 32;
  record.bytes_out = 101;
  record.context_mac = sha256(as_bytes("mac"));
  record.latency = std::chrono::microseconds(850);
  return record;
}

// A folder with an audit log in it. Syncs do nothing: these tests are about order and bytes, and no
// test can see whether a disk kept its word.
struct AuditFixture {
  AuditFixture() {
    options.calls.fdatasync = [](int) { return 0; };
  }

  TempDir dir;
  audit::LogOptions options;

  std::unique_ptr<audit::Log> open() { return REQUIRE_OK(audit::Log::open(dir.path(), options)); }

  audit::Ticket append_durably(audit::Log& log, const audit::Record& record = a_wrap()) {
    const audit::Ticket ticket = REQUIRE_OK(log.append(record));
    REQUIRE_OK(log.wait_durable(ticket, deadline_in(kSoon)));
    return ticket;
  }

  std::vector<std::filesystem::path> segments() const {
    return REQUIRE_OK(audit::list_segments(dir.path()));
  }

  audit_verify::Verdict verdict() const { return REQUIRE_OK(audit_verify::verify(dir.path())); }

  // How many records of the system say this event.
  int count_events(std::string_view event) const {
    int count = 0;
    REQUIRE_OK(audit_verify::read_records(dir.path(), 0, [&](const auto& record) {
      const auto* field = record.find("event");
      if (field != nullptr && field->word == event) ++count;
      return true;
    }));
    return count;
  }
};

}  // namespace kw::test
