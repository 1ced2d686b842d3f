// SPDX-License-Identifier: Apache-2.0
#include "fault_fixture.h"

namespace kw::test {

using audit_verify::Finding;

TEST_CASE_METHOD(FaultFixture, "audit log: an answer waits for every gate", "[audit][gate]") {
  const auto log = open();
  const audit::Log::Gate one = log->add_gate(1);
  const audit::Log::Gate two = log->add_gate(1);
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, Clock::now()), Code::DeadlineExceeded);
  log->pass(one, ticket.index + 1);
  CHECK_CODE(log->wait_durable(ticket, Clock::now()), Code::DeadlineExceeded);
  log->pass(two, ticket.index + 1);
  REQUIRE_OK(log->wait_durable(ticket, deadline_in(kSoon)));
}

TEST_CASE_METHOD(FaultFixture, "audit log: a gate opens nothing that is not durable",
                 "[audit][gate]") {
  const auto log = open();
  const audit::Log::Gate gate = log->add_gate(1);
  sync_hangs = true;
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  log->pass(gate, ticket.index + 1);
  CHECK_CODE(log->wait_durable(ticket, Clock::now()), Code::DeadlineExceeded);
  sync_hangs = false;
  REQUIRE_OK(log->wait_durable(ticket, deadline_in(kSoon)));
}

TEST_CASE_METHOD(FaultFixture, "audit log: a shut gate refuses operations, not events",
                 "[audit][gate]") {
  {
    const auto log = open();
    const audit::Log::Gate gate = log->add_gate(1);
    const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
    log->shut(gate, "away");
    CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
    CHECK_CODE(log->append(a_wrap()), Code::Unavailable);
    CHECK(log->trouble_now()->find("sink down") != std::string::npos);
    REQUIRE_OK(log->append(audit::system_record(audit::Event::TokenLost)));
    log->pass(gate, ticket.index);  // back, and behind
    CHECK_FALSE(log->healthy());
    log->pass(gate, ticket.index + 1);
    wait_until_healed(*log);
    // It was refused, and is not given to who asks late.
    CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  }
  const std::vector<Seen> seen = withheld();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].reason == "sink down");
  CHECK(seen[0].numbers.at("first") == 1);
  CHECK(seen[0].numbers.at("count") == 1);
  CHECK(seen[0].numbers.at("refused") == 1);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(FaultFixture, "audit log: a gate that takes too long is like a slow disk",
                 "[audit][gate]") {
  options.durable_within = std::chrono::milliseconds(50);
  const auto log = open();
  const audit::Log::Gate gate = log->add_gate(1);
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  CHECK_CODE(log->wait_durable(ticket, deadline_in(kSoon)), Code::Unavailable);
  CHECK(log->trouble_now()->find("sink down") != std::string::npos);
  log->pass(gate, ticket.index + 1);
  wait_until_healed(*log);
}

TEST_CASE_METHOD(FaultFixture, "audit log: events of a long trouble are not overdue after it",
                 "[audit][gate]") {
  options.durable_within = std::chrono::seconds(2);
  const auto log = open();
  const audit::Log::Gate gate = log->add_gate(1);
  log->shut(gate, "away");
  const audit::Ticket event =
      REQUIRE_OK(log->append(audit::system_record(audit::Event::TokenLost)));
  std::this_thread::sleep_for(options.durable_within);
  log->pass(gate, 1);  // back, and the event is still to come
  wait_until_healed(*log);
  log->pass(gate, event.index + 2);
  CHECK(log->meter().troubles.value() == 1);
}

TEST_CASE_METHOD(FaultFixture,
                 "audit log: a gate that is shut at the end is on record at the start",
                 "[audit][gate]") {
  {
    const auto log = open();
    log->shut(log->add_gate(1), "away");
    wait_for_note(true);
  }
  open();
  open();
  const std::vector<Seen> seen = withheld();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].reason == "sink down");
  CHECK(seen[0].numbers.at("count") == 0);
  CHECK_FALSE(note());
}

TEST_CASE_METHOD(FaultFixture, "audit log: who waits for a gate is told when the log ends",
                 "[audit][gate]") {
  auto log = open();
  log->add_gate(1);
  const audit::Ticket ticket = REQUIRE_OK(log->append(a_wrap()));
  bool is_refused = false;
  log->when_durable(ticket, [&](Result<void> done) { is_refused = !done; });
  log.reset();
  CHECK(is_refused);
}

}  // namespace kw::test
