// SPDX-License-Identifier: Apache-2.0
#include "service/core/passage.h"

#include <algorithm>

#include "service/core/cure.h"
#include "service/crypto/kek.h"
#include "service/crypto/service_mac.h"
#include "service/crypto/token_algorithm.h"

namespace kw::core {
namespace {

audit::Record record_of(const Call& call, std::string_view operation) {
  audit::Record record;
  record.request_id = call.id;
  record.caller = call.caller->display_name();
  record.proof = audit::Proof::Mtls;
  record.source = call.source;
  record.operation = operation;
  return record;
}

// The reason of an error that was given none, from the kind of failure alone.
audit::Reason reason_of(const Error& error) {
  switch (error.code()) {
    case Code::InvalidArgument:
      return audit::Reason::Malformed;
    case Code::AlreadyExists:
    case Code::Aborted:
      return audit::Reason::Conflict;
    case Code::FailedPrecondition:
      return audit::Reason::StateForbids;
    case Code::NotFound:
      return audit::Reason::UnknownKey;
    case Code::Unimplemented:
      return audit::Reason::TokenRefused;
    case Code::Unavailable:
      return error.rv() != 0 ? audit::Reason::TokenUnavailable : audit::Reason::CatalogUnavailable;
    case Code::DeadlineExceeded:
      return audit::Reason::Overloaded;
    case Code::Unauthenticated:
      return audit::Reason::NotProven;
    case Code::PermissionDenied:
      return audit::Reason::NoRuleAllows;
    case Code::PayloadTooLarge:
    case Code::ResourceExhausted:
      return audit::Reason::LimitReached;
    case Code::Internal:
      return audit::Reason::TokenRefused;
  }
  return audit::Reason::None;
}

}  // namespace

policy::Question question_about(const keys::Key& key) {
  policy::Question question;
  question.key = key.name.text();
  question.algorithm = key.algorithm->name;
  question.tags = &key.tags;
  question.state = name_of(key.primary() != nullptr ? keys::State::Enabled : keys::State::Disabled);
  return question;
}

Passage::Passage(Seat& seat, const Call& call, policy::Operation operation)
    : seat_(seat),
      call_(call),
      operation_(operation),
      record_(record_of(call, policy::name_of(operation))),
      policy_(seat.shared().policy.load()) {
  record_.policy_hash = policy_->hash();
}

Passage::Passage(Seat& seat, const Call& call, std::string_view operation)
    : seat_(seat),
      call_(call),
      operation_(policy::Operation::Read),
      record_(record_of(call, operation)) {}

void Passage::about(const keys::Key& key, Version version) {
  record_.key_name = key.name.text();
  record_.key_id = key.id;
  record_.version = version;
  if (key.algorithm->purpose == keys::Purpose::Wrap) {
    record_.suite = static_cast<std::uint8_t>(crypto::suite_of(*key.algorithm));
  }
}

policy::Facts Passage::facts() const {
  policy::Facts facts = facts_of(*call_.caller);
  facts.source = call_.source;
  return facts;
}

policy::Decision Passage::ask(const policy::Question& question) const {
  const policy::Standing& standing = seat_.standings().of(call_.caller, policy_);
  return policy_->decide(standing, facts(), question);
}

void Passage::count_decision(bool allowed) {
  DoorMeter& meter = shared().meter;
  (allowed ? meter.allowed : meter.denied)[static_cast<std::size_t>(operation_)].add();
}

Result<void> Passage::decide(policy::Question question) {
  if (has_passed(call_.deadline)) {
    return because(audit::Reason::Overloaded, Error(Code::DeadlineExceeded, "decided too late"));
  }
  question.operation = operation_;
  question.now = wall_now();
  if (context_ != nullptr) question.context = context_;
  if (record_.bytes_in) question.bytes = record_.bytes_in;
  const policy::Decision decision = ask(question);
  record_.rule = decision.rule;
  count_decision(decision.allowed);
  if (decision.allowed) return {};
  const auto reason =
      decision.rule.empty() ? audit::Reason::NoRuleAllows : audit::Reason::DeniedByRule;
  return because(reason, Error(Code::PermissionDenied, "the policy says no"));
}

Result<void> Passage::decide_on(const keys::Key& key) {
  record_.key_name = key.name.text();
  record_.key_id = key.id;
  return decide(question_about(key));
}

Result<void> Passage::decide_on_any_key() {
  if (policy_->may_anything(facts(), operation_)) return {};
  count_decision(false);
  return because(audit::Reason::NoRuleAllows,
                 Error(Code::PermissionDenied, "the policy says no, for every key"));
}

bool Passage::may_see(const keys::Key& key) const {
  policy::Question question = question_about(key);
  question.operation = operation_;
  question.now = wall_now();
  return ask(question).allowed;
}

Result<KeyView> Passage::admit(const KeyName& name) {
  about(name);
  Result<KeyView> key = shared().catalog->find(name);
  policy::Question question;
  if (key) question = question_about(**key);
  question.key = name.text();
  TRY(decide(question));
  if (key) record_.key_id = (*key)->id;
  return key;
}

Result<void> Passage::check_configured(const keys::Algorithm& algorithm) {
  if (!keys::works_on_host(algorithm) || shared().allows_suite_3) return {};
  return because(audit::Reason::StateForbids,
                 refusal(Code::FailedPrecondition,
                         "the key's algorithm is switched off here: token.allow_suite_3"));
}

Result<void> Passage::check_usable(const keys::Key& key, const keys::KeyVersion& version) {
  about(key, version.number);
  TRY(check_configured(*key.algorithm));
  if (version.state != keys::State::Enabled) {
    return because(audit::Reason::VersionDisabled,
                   refusal(Code::FailedPrecondition, "this version of the key is not enabled"));
  }
  const auto kek = key.residency == keys::Residency::Wrapped ? crypto::kek_kind_of(*key.algorithm)
                                                             : std::nullopt;
  const Quarantine& quarantine = shared().quarantine;
  if (quarantine.holds(key.id, version.number) ||
      (kek && quarantine.holds(crypto::kek_id(*kek), version.kek))) {
    return because(audit::Reason::Quarantined,
                   Error(Code::Unavailable, "the version is in quarantine"));
  }
  return {};
}

Result<const keys::KeyVersion*> Passage::producing(const keys::Key& key, keys::Purpose purpose) {
  if (key.algorithm->purpose != purpose) {
    return because(
        audit::Reason::WrongPurpose,
        refusal(Code::InvalidArgument, "the key is made for another purpose: " +
                                           std::string(name_of(key.algorithm->purpose))));
  }
  const keys::KeyVersion* const version = key.primary();
  if (version == nullptr) {
    return because(audit::Reason::VersionDisabled,
                   refusal(Code::FailedPrecondition, "the key has no enabled version"));
  }
  TRY(check_usable(key, *version));
  return version;
}

Result<const keys::KeyVersion*> Passage::consuming(const keys::Key& key, keys::Purpose purpose,
                                                   Version number) {
  if (key.algorithm->purpose != purpose) {
    return because(
        audit::Reason::WrongPurpose,
        refusal(Code::InvalidArgument, "the key is made for another purpose: " +
                                           std::string(name_of(key.algorithm->purpose))));
  }
  const keys::KeyVersion* const version = key.find(number);
  if (version == nullptr) {
    return because(audit::Reason::UnknownVersion,
                   refusal(Code::NotFound, "the key has no such version"));
  }
  TRY(check_usable(key, *version));
  return version;
}

void Passage::report(const Error& error, const keys::Key* key, const keys::KeyVersion* version) {
  shared().keeper.report(error);
  if (key == nullptr) return;
  if (is_absence(error)) shared().keeper.report_absence(key->id, version->number);
  if (cure_of(error) == Cure::Quarantine) suspend(shared(), *key, version->number, error);
  // Found no more: what was kept of it is void.
  if (cure_of(error) == Cure::FindAgain) shared().changes.add(key->id);
}

bool Passage::goes_on_after(const Error& error, std::uint64_t epoch) {
  const Cure cure = cure_of(error);
  if (!may_work_again(cure) || has_passed(call_.deadline)) return false;
  if (cure == Cure::LogIn && !shared().keeper.await_other(epoch, call_.deadline)) return false;
  if (cure == Cure::FindAgain) seat_.leave();
  shared().keeper.meter().repeated.add();
  return true;
}

Result<void> Passage::intend() {
  record_.phase = audit::Phase::Intent;
  const audit::Ticket ticket = TRY(shared().log->append(record_));
  record_.phase = audit::Phase::Outcome;
  return shared().log->wait_durable(ticket, call_.deadline);
}

Error Passage::because(audit::Reason reason, Error error) {
  record_.reason = reason;
  return error;
}

Result<void> Passage::add_context_mac() {
  if (context_ == nullptr || context_->empty()) return {};
  const Bytes mac = TRY(at_bench([this](crypto::Workbench& bench) {
    return crypto::context_mac(bench, shared().service_key(), kServiceKeyVersion, *context_);
  }));
  KW_ASSERT(mac.size() == Sha256Digest().size());
  record_.context_mac.emplace();
  std::copy(mac.begin(), mac.end(), record_.context_mac->begin());
  return {};
}

Result<audit::Ticket> Passage::append_record(std::optional<Error>& failure) {
  Result<void> mac = add_context_mac();
  if (!mac && !failure) failure.emplace(std::move(mac).error());
  record_.outcome = failure ? audit::outcome_of(failure->code()) : audit::Outcome::Ok;
  if (failure && record_.reason == audit::Reason::None) record_.reason = reason_of(*failure);
  if (!failure && record_.key_id) shared().last_use.note(*record_.key_id, wall_now());
  record_.latency =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - call_.started);
  return shared().log->append(record_);
}

}  // namespace kw::core
