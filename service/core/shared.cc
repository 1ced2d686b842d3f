// SPDX-License-Identifier: Apache-2.0
#include "service/core/shared.h"

#include "base/file.h"
#include "base/log.h"
#include "service/core/checkpointer.h"
#include "service/core/cosigners.h"
#include "service/core/cure.h"
#include "service/core/healer.h"
#include "service/core/keks.h"
#include "service/crypto/create.h"
#include "service/crypto/random.h"

namespace kw::core {
namespace {

keys::Key make_service_key(std::string_view algorithm) {
  constexpr std::string_view kId = "keyward service.";
  static_assert(kId.size() == KeyId::kSize);
  return {.id = KeyId::decode(as_bytes(kId)).value(),
          .name = KeyName::parse("keyward/service").value(),
          .algorithm = keys::find_algorithm(algorithm),
          .residency = keys::Residency::Token,
          .tags = {},
          .created = {},
          .rotate_every = std::nullopt,
          .versions = {}};
}

}  // namespace

Shared::Shared(pkcs11::Pace::Limits limits, PinLatch latch)
    : keeper(std::move(latch)), pace(limits) {}

Shared::~Shared() = default;

const keys::Key& service_key(ServiceKeyKind kind) {
  static const keys::Key deriving = make_service_key("xaes-256-gcm");
  static const keys::Key macing = make_service_key("hmac-sha256");
  return kind == ServiceKeyKind::Deriving ? deriving : macing;
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

void Quarantine::Suspension::wait_longer() {
  constexpr unsigned kMostDoublings = 6;
  const unsigned doublings = std::min(times++, kMostDoublings);
  due = Clock::now() + std::min(std::chrono::seconds(1u << doublings), std::chrono::seconds(60));
}

void Quarantine::postpone(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  const auto at = suspended_.find({key, version});
  if (at != suspended_.end()) at->second.wait_longer();
}

void Quarantine::count() {
  std::size_t held = versions_.size();
  for (const auto& [version, suspension] : suspended_) held += suspension.lifted ? 0 : 1;
  count_.store(held);
}

bool Quarantine::add(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  const bool fresh = versions_.emplace(key, version).second;
  suspended_.erase({key, version});
  count();
  return fresh;
}

bool Quarantine::suspend(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  if (versions_.contains({key, version})) return false;
  Suspension& suspension = suspended_[{key, version}];
  const bool fresh = suspension.times == 0 || suspension.lifted;
  if (fresh) suspension.wait_longer();
  suspension.lifted = false;
  count();
  return fresh;
}

bool Quarantine::holds(const KeyId& key, Version version) const {
  if (count_.load() == 0) return false;
  const MutexLock lock(mutex_);
  if (versions_.contains({key, version})) return true;
  const auto at = suspended_.find({key, version});
  return at != suspended_.end() && !at->second.lifted;
}

std::vector<Quarantine::VersionId> Quarantine::due(Clock::time_point now) const {
  std::vector<VersionId> versions;
  if (count_.load() == 0) return versions;
  const MutexLock lock(mutex_);
  for (const auto& [version, suspension] : suspended_) {
    if (!suspension.lifted && suspension.due <= now) versions.push_back(version);
  }
  return versions;
}

void Quarantine::lift(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  const auto at = suspended_.find({key, version});
  if (at != suspended_.end()) at->second.lifted = true;
  count();
}

void Leftovers::add(Leftover leftover) {
  const MutexLock lock(mutex_);
  leftovers_.push_back(std::move(leftover));
}

std::vector<Leftover> Leftovers::take(const KeyName* name) {
  const MutexLock lock(mutex_);
  const auto stays = [&](const Leftover& leftover) {
    return name != nullptr && leftover.name != *name;
  };
  const auto middle = std::ranges::stable_partition(leftovers_, stays).begin();
  std::vector<Leftover> taken(std::make_move_iterator(middle),
                              std::make_move_iterator(leftovers_.end()));
  leftovers_.erase(middle, leftovers_.end());
  return taken;
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

Result<void> ask_for_sign_of_life(const Shared& shared, crypto::Workbench& bench) {
  (void)TRY(crypto::random_bytes(bench, 16));
  return crypto::check_presence(bench, shared.service_key(), kServiceKeyVersion);
}

void note_sign_of_life(Shared& shared) {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  shared.token_alive.store(now);
  shared.token_answered.store(now);
}

void note_no_sign_of_life(Shared& shared, const Error& error) {
  shared.keeper.report(error);
  if (is_absence(error)) shared.keeper.suspect(error.detail());
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

void note_directory(Shared& shared, const std::optional<std::filesystem::path>& directory) {
  std::shared_ptr<const std::filesystem::path> fresh;
  if (directory) fresh = std::make_shared<const std::filesystem::path>(*directory);
  shared.token_directory.store(std::move(fresh));
}

Result<void> sync_token(const Shared& shared) {
  const std::shared_ptr<const std::filesystem::path> directory = shared.token_directory.load();
  if (directory == nullptr) return {};
  return sync_tree(*directory);
}

namespace {

// A token whose objects went away finds nothing to destroy, and says that nothing is wrong, until
// its epoch ends: so it is asked after, in the same one.
Result<void> destroy_for_certain(Seat& seat, const KeyId& key, Version version) {
  const Lease bench = TRY(seat.workbench());
  TRY(crypto::destroy_version(*bench, key, version));
  Result<void> alive = ask_for_sign_of_life(seat.shared(), *bench);
  if (!alive) note_no_sign_of_life(seat.shared(), alive.error());
  return alive;
}

}  // namespace

Result<void> discard_unfinished(Seat& seat, const KeyId& key, Version version) {
  TRY(destroy_for_certain(seat, key, version));  // its lease ends before the catalog's seat works
  TRY(sync_token(seat.shared()));
  return seat.shared().catalog->discard(key, version);
}

Result<void> discard_leftovers(Seat& seat, const KeyName* name, Deadline deadline) {
  Leftovers& leftovers = seat.shared().leftovers;
  const Turn turn(leftovers.discarding, deadline);
  if (!turn) return Error(Code::Unavailable, "what a failed making left is being removed");
  Result<void> outcome;
  for (Leftover& leftover : leftovers.take(name)) {
    const Result<void> gone = discard_unfinished(seat, leftover.key, leftover.version);
    if (gone) continue;
    outcome = Error(Code::Unavailable,
                    "what a failed making left cannot be removed: " + gone.error().detail(),
                    gone.error().rv());
    leftovers.add(std::move(leftover));
  }
  return outcome;
}

Result<void> sweep_unfinished(Seat& seat) {
  for (const store::Unfinished& left : seat.shared().catalog->unfinished()) {
    TRY(discard_unfinished(seat, left.id, left.version));
  }
  return {};
}

namespace {

void put_on_record(Shared& shared, audit::Event event, const keys::Key& key, Version version) {
  audit::Record record = audit::system_record(event);
  record.key_id = key.id;
  record.key_name = key.name.text();
  record.version = version;
  record_event(shared, record);
}

}  // namespace

void suspend(Shared& shared, const keys::Key& key, Version version, const Error& error) {
  if (!shared.quarantine.suspend(key.id, version)) return;
  log_error(Severity::Alert,
            "the token cannot work with " + keys::object_label(key.name, version) +
                ", which is suspended",
            error);
  put_on_record(shared, audit::Event::KeyQuarantined, key, version);
}

namespace {

// Asks the token. What differs goes into quarantine.
Result<void> verify_now(Seat& seat, Lease& bench, const keys::Key& key,
                        const keys::KeyVersion& version) {
  Shared& shared = seat.shared();
  Result<void> same = crypto::verify_version(*bench, key, version);
  if (same) {
    bench.epoch().note_verified(key.id, version.number);
    return same;
  }
  bench.epoch().forget_verified();
  shared.keeper.report(same.error());
  if (is_absence(same.error())) shared.keeper.report_absence(key.id, version.number);
  if (cure_of(same.error()) == Cure::Quarantine) suspend(shared, key, version.number, same.error());
  if (same.error().code() != Code::Internal || same.error().rv() != 0) return same;
  if (shared.quarantine.add(key.id, version.number)) {
    log_error(Severity::Alert,
              keys::object_label(key.name, version.number) + " goes into quarantine", same.error());
    put_on_record(shared, audit::Event::KeyQuarantined, key, version.number);
  }
  return Error(Code::Unavailable, "the version is in quarantine");
}

}  // namespace

Result<void> verify_once(Seat& seat, Lease& bench, const keys::Key& key,
                         const keys::KeyVersion& version) {
  if (key.residency != keys::Residency::Token) return {};  // it has no object of its own
  if (bench.epoch().has_verified(key.id, version.number)) return {};
  return verify_now(seat, bench, key, version);
}

void compare_with_token(Seat& seat, const keys::Key& key) {
  for (const keys::KeyVersion& version : key.versions) {
    if (version.state != keys::State::Enabled && version.state != keys::State::Disabled) continue;
    Result<Lease> bench = seat.workbench();
    if (!bench) return;  // the token is away, which says nothing about the key
    (void)verify_now(seat, *bench, key, version);
  }
}

void compare_suspended(Seat& seat) {
  Shared& shared = seat.shared();
  for (const auto& [id, number] : shared.quarantine.due(Clock::now())) {
    const auto key = find_key_or_kek(*shared.catalog, id);
    const keys::KeyVersion* const version = key ? key->find(number) : nullptr;
    if (version == nullptr) continue;
    Result<Lease> bench = seat.workbench();
    if (!bench) return;
    if (!verify_now(seat, *bench, *key, *version)) {
      shared.quarantine.postpone(id, number);
      continue;
    }
    shared.quarantine.lift(id, number);
    log_line(Severity::Notice,
             keys::object_label(key->name, number) + " is what it was, and no longer suspended");
  }
}

}  // namespace kw::core
