// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "service/core/key_service.h"
#include "service/core/making.h"
#include "service/core/passage.h"
#include "service/crypto/token_algorithm.h"

// The rotation of keys that have sealed many messages: nobody calls for it.
namespace kw::core {
namespace {

constexpr std::string_view kUpkeep = "keyward/upkeep";  // a caller has a proof beside his name
constexpr auto kUpkeepWithin = std::chrono::seconds(8);

// The record of what the upkeep does with a key: nobody asked for it, and no rule decided.
audit::Record upkeep_record(const keys::Key& key, Version version) {
  audit::Record record;
  record.request_id = RequestId::random();
  record.caller = kUpkeep;
  record.operation = policy::name_of(policy::Operation::Rotate);
  record.key_id = key.id;
  record.key_name = key.name.text();
  record.version = version;
  record.suite = static_cast<std::uint8_t>(crypto::suite_of(*key.algorithm));
  return record;
}

// As rotate_now does it: the intent is durable before anything is made.
Result<void> rotate_for_upkeep(Seat& seat, const keys::Key& key, audit::Record& record,
                               const keys::KeyVersion& version) {
  Shared& shared = seat.shared();
  const Deadline deadline = deadline_in(kUpkeepWithin);
  TRY(check_offered(shared, *key.algorithm));
  record.phase = audit::Phase::Intent;
  const audit::Ticket ticket = TRY(shared.log->append(record));
  record.phase = audit::Phase::Outcome;
  TRY(shared.log->wait_durable(ticket, deadline));
  TRY(make_new_version(seat, key, version, deadline));
  return {};
}

}  // namespace

void KeyService::rotate_counted() {
  Shared& shared = seat_->shared();
  for (const MessageCounts::VersionId& due : shared.counts->due(Clock::now())) {
    const Result<KeyView> key = shared.catalog->find(due.first);
    const keys::KeyVersion* const primary = key ? (*key)->primary() : nullptr;
    if (primary == nullptr || primary->number != due.second) {
      shared.counts->settle(due);
      continue;
    }
    const keys::KeyVersion version = next_version(**key);
    audit::Record record = upkeep_record(**key, version.number);
    const Result<void> done = rotate_for_upkeep(*seat_, **key, record, version);
    record.outcome = done ? audit::Outcome::Ok : audit::outcome_of(done.error().code());
    if (record.phase == audit::Phase::Outcome) record_event(shared, record);
    const std::string label = keys::object_label((*key)->name, due.second);
    if (done) {
      shared.counts->settle(due);
      log_line(Severity::Notice, label + " has sealed many messages: the key was rotated");
    } else {
      log_error(Severity::Alert, label + " has sealed many messages and cannot be rotated",
                done.error());
    }
  }
}

}  // namespace kw::core
