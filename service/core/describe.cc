// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/call_meter.h"
#include "service/core/backend.h"
#include "service/core/checkpointer.h"
#include "service/core/cosigners.h"
#include "service/core/executors.h"
#include "service/core/shared.h"
#include "service/telemetry/page.h"

// What stands behind the door, as numbers. docs/telemetry.md says what each is good for.
namespace kw::core {
namespace {

using telemetry::Page;

constexpr std::array<std::pair<std::string_view, TokenState>, 5> kBreakerNames = {
    {{"closed", TokenState::Closed},
     {"paused", TokenState::Paused},
     {"open", TokenState::Open},
     {"half_open", TokenState::HalfOpen},
     {"latched", TokenState::Latched}}};
constexpr std::array<std::string_view, kLaneCount> kLaneNames = {"token", "batch", "state", "host"};

constexpr std::array<std::string_view, kRefusalCount> kRefusalNames = {"full", "share", "time",
                                                                       "late"};

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
  page.value(static_cast<double>(pace.written_off(Kind::Generate)), {{"kind", "generate"}});
}

void describe_keeper(Page& page, const TokenKeeper& keeper) {
  const TokenState state = keeper.state();
  page.gauge("keyward_token_breaker", "1 for the state of the circuit breaker, 0 for the others.");
  for (const auto& [name, which] : kBreakerNames) {
    page.value(state == which ? 1 : 0, {{"state", name}});
  }
  const KeeperMeter& meter = keeper.meter();
  page.counter("keyward_token_epochs_total", "Times that the token came into service.")
      .value(meter.epochs);
  page.counter("keyward_token_outages_total", "Times that the token was found to be away.")
      .value(meter.outages);
  page.counter("keyward_token_bringups_total", "Tries to bring it into service, failed ones too.")
      .value(meter.attempts);
  page.counter("keyward_token_renewals_total", "Epochs that were replaced on purpose.")
      .value(meter.renewals);
  page.counter("keyward_token_refused_total", "Work refused at once while it was out of service.")
      .value(meter.refused);
  page.counter("keyward_token_repeated_total", "Work done once more with another session.")
      .value(meter.repeated);
  page.counter("keyward_token_unconfirmed_failures_total",
               "Failures that spoke against the token, but a known answer did not.")
      .value(meter.struck);
  page.gauge("keyward_token_session_objects", "Session objects made since it came into service.")
      .value(static_cast<double>(keeper.objects_made()));
}

void describe_counts(Page& page, const MessageCounts::Reading& now) {
  page.gauge("keyward_message_numbers_used_ratio",
             "Share of its message numbers that is set aside, of the version with most.")
      .value(now.most_used);
  page.gauge("keyward_message_rotations_due",
             "Key versions that have sealed many messages and are not replaced yet.")
      .value(static_cast<double>(now.due));
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
  page.counter("keyward_audit_troubles_total", "Times in which no answer was given free.")
      .value(meter.troubles);
  page.counter("keyward_audit_withheld_total", "Records whose answers were withheld.")
      .value(meter.withheld);
  page.counter("keyward_audit_refused_total", "Records that got no place in the log.")
      .value(meter.refused);
  page.gauge("keyward_audit_disk_free_bytes", "Free space where the log lies.")
      .value(static_cast<double>(now.disk_free_bytes));
  page.gauge("keyward_audit_disk_size_bytes", "All space where the log lies.")
      .value(static_cast<double>(now.disk_bytes));
}

void describe_sinks(Page& page, const std::vector<audit_sinks::SinkReading>& sinks) {
  using audit_sinks::SinkReading;
  const auto gauge = [&](std::string_view name, std::string_view help, auto value_of) {
    page.gauge(name, help);
    for (const SinkReading& sink : sinks) page.value(value_of(sink), {{"sink", sink.name}});
  };
  const auto counter = [&](std::string_view name, std::string_view help, auto value_of) {
    page.counter(name, help);
    for (const SinkReading& sink : sinks) page.value(value_of(sink), {{"sink", sink.name}});
  };
  gauge("keyward_audit_sink_connected", "1 where the sink takes records.",
        [](const SinkReading& sink) { return sink.meter->is_connected.load() ? 1.0 : 0.0; });
  gauge("keyward_audit_sink_required", "1 where no answer is given before the sink has its record.",
        [](const SinkReading& sink) { return sink.is_required ? 1.0 : 0.0; });
  gauge("keyward_audit_sink_behind_records", "Durable records that the sink does not have.",
        [](const SinkReading& sink) { return static_cast<double>(sink.behind); });
  counter("keyward_audit_sink_sent_total", "Records sent, those that were sent again too.",
          [](const SinkReading& sink) -> const Counter& { return sink.meter->sent; });
  counter("keyward_audit_sink_failures_total", "Connections that failed or broke.",
          [](const SinkReading& sink) -> const Counter& { return sink.meter->failures; });
  counter("keyward_audit_sink_missed_total", "Records that were gone before the sink got them.",
          [](const SinkReading& sink) -> const Counter& { return sink.meter->missed; });
}

void describe_checkpoints(Page& page, const Shared& shared) {
  page.gauge("keyward_audit_records", "Records in the log that are durable.")
      .value(static_cast<double>(shared.log->tree().size()));
  page.gauge("keyward_audit_signed_records", "Records under the newest checkpoint.")
      .value(static_cast<double>(shared.checkpointer->newest().head.size));
  page.gauge("keyward_audit_checkpoint_key_good",
             "1 where the key that signs checkpoints is in the token as it was made.")
      .value(shared.checkpointer->key_is_good() ? 1 : 0);
  page.gauge("keyward_audit_checkpoint_age_seconds",
             "Time since all durable records were under a checkpoint.")
      .value(std::chrono::duration<double>(shared.checkpointer->age()).count());
}

}  // namespace

void Backend::describe(Page& page) const {
  const Shared& shared = *shared_;
  describe_decisions(page, shared.meter);
  describe_calls(page, shared.keeper.calls());
  describe_keeper(page, shared.keeper);
  describe_pace(page, shared.pace);
  describe_working_keys(page, shared.working_keys);
  describe_counts(page, shared.counts->read());
  page.gauge("keyward_token_up", "1 where the token gave a sign of life within 5 s.")
      .value(token_answers() ? 1 : 0);
  page.gauge("keyward_token_sign_of_life_age_seconds", "Time since the token's last sign of life.")
      .value(age_of(shared.token_alive.load()));
  page.gauge("keyward_quarantined_versions", "Key versions whose objects are not what they were.")
      .value(static_cast<double>(shared.quarantine.size()));
  describe_log(page, shared.log->meter(), shared.log->read());
  describe_checkpoints(page, shared);
  describe_sinks(page, shared.sinks->read());
  Cosigners::describe(page, shared.cosigners.get());
  page.gauge("keyward_policy_changed_timestamp_seconds",
             "When another policy became the active one, in seconds since 1970.")
      .value(shared.policy_changed.load());
}

void Executors::describe(Page& page) const {
  const auto each_lane = [&](const auto& write) {
    for (std::size_t i = 0; i < kLaneCount; ++i) write(meters_[i], kLaneNames[i]);
  };
  page.gauge("keyward_queue_length", "Requests that wait in a lane's queue.");
  const std::array<std::size_t, kLaneCount> lengths = {
      length_of(token_, Level::Single), length_of(token_, Level::Batch),
      length_of(state_, Level::Single), length_of(host_, Level::Single)};
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    page.value(static_cast<double>(lengths[i]), {{"lane", kLaneNames[i]}});
  }
  page.histogram("keyward_queue_wait_seconds",
                 "Time that a request waited before its first step began.");
  each_lane([&](const LaneMeter& meter, std::string_view lane) {
    page.value(meter.waited, {{"lane", lane}});
  });
  page.counter("keyward_queue_refused_total", "Requests that were not begun, by the reason.");
  each_lane([&](const LaneMeter& meter, std::string_view lane) {
    for (std::size_t i = 0; i < kRefusalCount; ++i) {
      page.value(meter.refused[i], {{"lane", lane}, {"reason", kRefusalNames[i]}});
    }
  });
  page.gauge("keyward_calls_hanging", "Steps of requests that hang now.")
      .value(static_cast<double>(hanging_.load()));
  page.counter("keyward_calls_hung_total", "Steps of requests that hung, for a while or for good.");
  each_lane([&](const LaneMeter& meter, std::string_view lane) {
    page.value(meter.hung, {{"lane", lane}});
  });
  page.counter("keyward_threads_replaced_total", "Threads put in the place of one that hangs.");
  each_lane([&](const LaneMeter& meter, std::string_view lane) {
    page.value(meter.replaced, {{"lane", lane}});
  });
}

}  // namespace kw::core
