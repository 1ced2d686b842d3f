// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/call_meter.h"
#include "service/core/backend.h"
#include "service/core/checkpointer.h"
#include "service/core/executors.h"
#include "service/core/shared.h"
#include "service/telemetry/page.h"

// What stands behind the door, as numbers. docs/telemetry.md says what each is good for.
namespace kw::core {
namespace {

using telemetry::Page;

constexpr std::array<std::string_view, kLaneCount> kLaneNames = {"token", "batch", "state", "host"};

void describe_decisions(Page& page, const DoorMeter& meter) {
  page.counter("keyward_decisions_total", "Decisions of the policy.");
  for (std::size_t i = 0; i < policy::kOperationCount; ++i) {
    const std::string_view operation = policy::name_of(static_cast<policy::Operation>(i));
    page.value(meter.allowed[i], {{"operation", operation}, {"decision", "allowed"}});
    page.value(meter.denied[i], {{"operation", operation}, {"decision", "denied"}});
  }
  page.counter("keyward_unauthenticated_requests_total", "Requests of nobody proven, answered 401.")
      .value(meter.unauthenticated);
}

void describe_calls(Page& page, const pkcs11::CallMeter& meter) {
  page.histogram("keyward_token_call_duration_seconds",
                 "Time that a whole operation took in the token, those that failed too.");
  for (std::size_t i = 0; i < pkcs11::kCallKindNames.size(); ++i) {
    page.value(meter.latency(static_cast<pkcs11::CallKind>(i)),
               {{"call", pkcs11::kCallKindNames[i]}});
  }
  page.counter("keyward_token_errors_total", "Token calls that failed, by the cure they call for.");
  for (std::size_t i = 1; i < pkcs11::kRvClassNames.size(); ++i) {  // 0 is success
    page.value(meter.failures(static_cast<pkcs11::RvClass>(i)),
               {{"class", pkcs11::kRvClassNames[i]}});
  }
}

void describe_working_keys(Page& page, const crypto::WorkingKeyMeter& meter) {
  page.counter("keyward_wrapped_keys_unwrapped_total",
               "Wrapped keys brought into the token: each may cost its memory for good.")
      .value(meter.unwrapped);
  page.counter("keyward_wrapped_keys_reused_total", "Uses of a wrapped key that was still there.")
      .value(meter.reused);
  page.counter("keyward_wrapped_keys_evicted_total", "Wrapped keys that made room for others.")
      .value(meter.evicted);
}

void describe_pace(Page& page, const pkcs11::Pace& pace) {
  using Kind = pkcs11::Pace::Kind;
  page.counter("keyward_token_permits_written_off_total",
               "Token calls that took so long that others went on without them.");
  page.value(static_cast<double>(pace.written_off(Kind::Symmetric)), {{"kind", "symmetric"}});
  page.value(static_cast<double>(pace.written_off(Kind::Asymmetric)), {{"kind", "asymmetric"}});
}

double age_of(Clock::rep ticks) {
  const Clock::time_point then{Clock::duration(ticks)};
  return std::chrono::duration<double>(Clock::now() - then).count();
}

void describe_log(Page& page, const audit::LogMeter& meter, const audit::LogReading& now) {
  page.counter("keyward_audit_records_appended_total", "Records given their place in the log.")
      .value(meter.appended);
  page.counter("keyward_audit_records_durable_total", "Records that an fdatasync made durable.")
      .value(meter.durable);
  page.histogram("keyward_audit_commit_duration_seconds",
                 "Time that one write and fdatasync took, those that failed too.")
      .value(meter.commit);
  page.histogram("keyward_audit_batch_records", "Records that one fdatasync made durable.")
      .value(meter.batch.read(), 1);
  page.gauge("keyward_audit_undurable_bytes", "Bytes that were appended and are not durable yet.")
      .value(static_cast<double>(now.undurable_bytes));
  page.gauge("keyward_audit_state", "1 for the state that the log is in, 0 for the others.")
      .value(now.state == audit::LogState::Open ? 1 : 0, {{"state", "open"}})
      .value(now.state == audit::LogState::Blocked ? 1 : 0, {{"state", "blocked"}})
      .value(now.state == audit::LogState::Dead ? 1 : 0, {{"state", "dead"}});
  page.gauge("keyward_audit_disk_free_bytes", "Free space where the log lies.")
      .value(static_cast<double>(now.disk_free_bytes));
  page.gauge("keyward_audit_disk_size_bytes", "All space where the log lies.")
      .value(static_cast<double>(now.disk_bytes));
}

void describe_checkpoints(Page& page, const Shared& shared) {
  page.gauge("keyward_audit_records", "Records in the log that are durable.")
      .value(static_cast<double>(shared.log->tree().size()));
  page.gauge("keyward_audit_signed_records", "Records under the newest checkpoint.")
      .value(static_cast<double>(shared.checkpointer->newest().head.size));
  page.gauge("keyward_audit_checkpoint_age_seconds",
             "Time since all durable records were under a checkpoint.")
      .value(std::chrono::duration<double>(shared.checkpointer->age()).count());
}

}  // namespace

void Backend::describe(Page& page) const {
  const Shared& shared = *shared_;
  describe_decisions(page, shared.meter);
  describe_calls(page, shared.token->module().meter());
  describe_pace(page, shared.pace);
  describe_working_keys(page, shared.working_keys);
  page.gauge("keyward_token_up", "1 where the token gave a sign of life within 5 s.")
      .value(token_answers() ? 1 : 0);
  page.gauge("keyward_token_sign_of_life_age_seconds", "Time since the token's last sign of life.")
      .value(age_of(shared.token_alive.load()));
  page.gauge("keyward_quarantined_versions", "Key versions whose objects are not what they were.")
      .value(static_cast<double>(shared.quarantine.size()));
  describe_log(page, shared.log->meter(), shared.log->read());
  describe_checkpoints(page, shared);
  page.gauge("keyward_policy_changed_timestamp_seconds",
             "When another policy became the active one, in seconds since 1970.")
      .value(shared.policy_changed.load());
}

void Executors::describe(Page& page) const {
  page.gauge("keyward_queue_length", "Requests that wait in a lane's queue.");
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    page.value(static_cast<double>(length_of(queues_[i])), {{"lane", kLaneNames[i]}});
  }
  page.counter("keyward_queue_refused_total", "Requests refused because a lane's queue was full.");
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    page.value(queues_[i].refused, {{"lane", kLaneNames[i]}});
  }
  page.counter("keyward_queue_late_total", "Requests whose time passed in a lane's queue.");
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    page.value(queues_[i].late, {{"lane", kLaneNames[i]}});
  }
}

}  // namespace kw::core
