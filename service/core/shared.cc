// SPDX-License-Identifier: Apache-2.0
#include "service/core/shared.h"

#include "base/file.h"
#include "base/log.h"
#include "service/core/checkpointer.h"
#include "service/core/cosigners.h"
#include "service/crypto/create.h"

namespace kw::core {
namespace {

keys::Key make_service_key() {
  constexpr std::string_view kId = "keyward service.";
  static_assert(kId.size() == KeyId::kSize);
  return {.id = KeyId::decode(as_bytes(kId)).value(),
          .name = KeyName::parse("keyward/service").value(),
          .algorithm = keys::find_algorithm("xaes-256-gcm"),
          .residency = keys::Residency::Token,
          .tags = {},
          .created = {},
          .rotate_every = std::nullopt,
          .versions = {}};
}

}  // namespace

Shared::Shared(pkcs11::Pace::Limits limits) : pace(limits) {}

Shared::~Shared() = default;

const keys::Key& service_key() {
  static const keys::Key key = make_service_key();
  return key;
}

Result<crypto::Workbench*> Seat::workbench() {
  std::optional<std::vector<KeyId>> changed = shared_.changes.since(seen_changes_);
  if (!changed || (bench_ && !bench_->usable())) bench_.reset();
  if (!bench_) {
    bench_ = std::make_unique<crypto::Workbench>(TRY(shared_.token->open_session()), shared_.pace);
  } else {
    for (const KeyId& key : *changed) bench_->forget(key);
  }
  return bench_.get();
}

void ChangeLog::add(const KeyId& key) {
  const MutexLock lock(mutex_);
  last_.push_back(key);
  if (last_.size() > kKept) last_.pop_front();
  count_.fetch_add(1);
}

std::optional<std::vector<KeyId>> ChangeLog::since(std::uint64_t& seen) const {
  if (count_.load() == seen) return std::vector<KeyId>();
  const MutexLock lock(mutex_);
  const std::uint64_t news = count_.load() - seen;
  seen = count_.load();
  if (news > last_.size()) return std::nullopt;
  return std::vector<KeyId>(last_.end() - static_cast<std::ptrdiff_t>(news), last_.end());
}

bool Quarantine::add(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  const bool fresh = versions_.emplace(key, version).second;
  count_.store(versions_.size());
  return fresh;
}

bool Quarantine::holds(const KeyId& key, Version version) const {
  if (count_.load() == 0) return false;
  const MutexLock lock(mutex_);
  return versions_.contains({key, version});
}

void LastUse::note(const KeyId& key, WallTime when) {
  const MutexLock lock(mutex_);
  times_[key] = when;
}

std::optional<WallTime> LastUse::find(const KeyId& key) const {
  const MutexLock lock(mutex_);
  const auto at = times_.find(key);
  return at == times_.end() ? std::nullopt : std::optional(at->second);
}

void note_sign_of_life(Shared& shared) {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  shared.token_alive.store(now);
  shared.token_answered.store(now);
}

Result<std::shared_ptr<const policy::Policy>> judge_policy(std::string_view text) {
  std::shared_ptr<const policy::Policy> policy = TRY(policy::Policy::parse(text));
  TRY(policy->run_tests());
  return policy;
}

Result<std::shared_ptr<const policy::Policy>> read_policy_file(const std::filesystem::path& file) {
  const std::string text = TRY(read_file(file));
  return judge_policy(text);
}

void activate_policy(Shared& shared, std::shared_ptr<const policy::Policy> fresh) {
  audit::Record record = audit::system_record(audit::Event::PolicyLoaded);
  record.digest = fresh->hash();
  const std::shared_ptr<const policy::Policy> before = shared.policy.load();
  if (before == nullptr || before->hash() != fresh->hash()) shared.policy_changed = wall_now();
  shared.policy.store(std::move(fresh));
  record_event(shared, record);
}

void record_event(Shared& shared, const audit::Record& record) {
  const Result<audit::Ticket> ticket = shared.log->append(record);
  if (!ticket) log_error(Severity::Error, "an event is not on record", ticket.error());
}

Result<void> sync_token(const Shared& shared) {
  if (!shared.token_directory) return {};
  return sync_tree(*shared.token_directory);
}

Result<void> discard_unfinished(Seat& seat, const KeyId& key, Version version) {
  crypto::Workbench* const bench = TRY(seat.workbench());
  TRY(crypto::destroy_version(*bench, key, version));
  TRY(sync_token(seat.shared()));
  return seat.shared().catalog->discard(key, version);
}

Result<void> sweep_unfinished(Seat& seat) {
  for (const store::Unfinished& left : seat.shared().catalog->unfinished()) {
    TRY(discard_unfinished(seat, left.id, left.version));
  }
  return {};
}

void compare_with_token(Seat& seat, const keys::Key& key) {
  for (const keys::KeyVersion& version : key.versions) {
    if (version.state != keys::State::Enabled && version.state != keys::State::Disabled) continue;
    const Result<crypto::Workbench*> bench = seat.workbench();
    if (!bench) return;  // the token is away, which says nothing about the key
    const Result<void> same = crypto::verify_version(**bench, key, version);
    if (same || same.error().code() != Code::Internal) continue;
    if (!seat.shared().quarantine.add(key.id, version.number)) continue;
    log_error(Severity::Alert,
              keys::object_label(key.name, version.number) + " goes into quarantine", same.error());
    audit::Record record = audit::system_record(audit::Event::KeyQuarantined);
    record.key_id = key.id;
    record.key_name = key.name.text();
    record.version = version.number;
    record_event(seat.shared(), record);
  }
}

}  // namespace kw::core
