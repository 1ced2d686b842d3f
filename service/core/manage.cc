// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "service/core/keks.h"
#include "service/core/key_service.h"
#include "service/core/passage.h"
#include "service/crypto/create.h"
#include "service/crypto/kek.h"
#include "service/crypto/token_algorithm.h"

namespace kw::core {
namespace {

constexpr std::string_view kReservedPrefix = "keyward/";
constexpr std::size_t kListStep = 256;
constexpr std::string_view kUpkeep = "keyward/upkeep";  // a caller has a proof beside his name
constexpr auto kUpkeepWithin = std::chrono::seconds(8);

keys::KeyVersion fresh_version(std::uint32_t number) {
  keys::KeyVersion version;
  version.number = Version{number};
  version.created = wall_now();
  return version;
}

keys::KeyVersion next_version(const keys::Key& key) {
  return fresh_version(to_number(key.versions.back().number) + 1);
}

// What a failed creation may have left goes at once where that is possible, else when the token is
// back.
void undo_creation(Seat& seat, const keys::Key& key, Version version) {
  const Result<void> undone = discard_unfinished(seat, key.id, version);
  if (!undone) {
    seat.shared().leftovers.add({key.id, key.name, version});
    log_error(Severity::Warning, keys::object_label(key.name, version) + " stays unfinished",
              undone.error());
  }
}

Result<crypto::VersionMaterial> make_wrapped(Seat& seat, const keys::Key& key, Version version,
                                             Deadline deadline) {
  const Version kek = TRY(kek_for(seat, *key.algorithm));
  const Lease bench = TRY(seat.workbench(deadline));
  Result<crypto::VersionMaterial> made = crypto::create_wrapped_version(*bench, key, version, kek);
  if (!made) seat.shared().keeper.report(made.error());
  return made;
}

// Never done twice: nobody knows how far a failed one came.
Result<crypto::VersionMaterial> make_material(Seat& seat, const keys::Key& key, Version version,
                                              Deadline deadline) {
  Shared& shared = seat.shared();
  const Turn creation(shared.creation, deadline);
  if (!creation) return Error(Code::Unavailable, "another key is being made, which takes long");
  if (key.residency == keys::Residency::Wrapped) return make_wrapped(seat, key, version, deadline);
  const Lease bench = TRY(seat.workbench(deadline));
  Result<crypto::VersionMaterial> made = crypto::create_version(*bench, key, version);
  if (!made) shared.keeper.report(made.error());
  if (!made) return made;
  bench.epoch().note_verified(key.id, version);
  TRY(sync_token(shared));
  return made;
}

// The version's row is there, in state Creating: make its material and publish it. Material of
// which the catalog is in doubt is kept: the row on disk, read at the next start, says whether it
// counts.
Result<KeyView> finish_creation(Seat& seat, const keys::Key& key, keys::KeyVersion version,
                                Deadline deadline) {
  Result<crypto::VersionMaterial> made = make_material(seat, key, version.number, deadline);
  if (!made) {
    undo_creation(seat, key, version.number);
    return std::move(made).error();
  }
  version.public_key = std::move(made->public_key);
  version.check = std::move(made->check);
  version.wrapped = std::move(made->wrapped);
  version.kek = made->kek;
  Result<void> published = seat.shared().catalog->publish(key.id, version);
  if (!published) {
    if (!seat.shared().catalog->is_in_doubt()) undo_creation(seat, key, version.number);
    return std::move(published).error();
  }
  seat.shared().changes.add(key.id);
  return seat.shared().catalog->find(key.id);
}

// What the token's profile says it cannot do is refused before anything is written or tried.
Result<void> check_offered(const Shared& shared, const keys::Algorithm& algorithm) {
  const std::optional<std::string> refused = shared.keeper.refusal_of(algorithm.name);
  if (!refused) return {};
  return refusal(Code::Unimplemented, "algorithm: this token cannot do " +
                                          std::string(algorithm.name) + ": " + *refused);
}

Result<void> check_can_be_made(const CreateKey& request, const keys::Algorithm* algorithm) {
  if (algorithm == nullptr) {
    return refusal(Code::InvalidArgument, "algorithm: not in the list of docs/api.md");
  }
  if (request.name.text().starts_with(kReservedPrefix)) {
    return refusal(Code::InvalidArgument, "names under keyward/ are the service's own");
  }
  if (request.residency == keys::Residency::Wrapped && !crypto::kek_kind_of(*algorithm)) {
    return refusal(Code::Unimplemented,
                   "residency: keys of this algorithm cannot be wrapped by a token; use token");
  }
  return {};
}

Result<KeyView> create_now(Passage& passage, const CreateKey& request) {
  passage.about(request.name);
  policy::Question question;
  question.key = request.name.text();
  question.algorithm = request.algorithm;
  question.tags = &request.tags;
  TRY(passage.decide(question));
  const keys::Algorithm* const algorithm = keys::find_algorithm(request.algorithm);
  TRY(check_can_be_made(request, algorithm));
  TRY(passage.check_configured(*algorithm));
  TRY(check_offered(passage.shared(), *algorithm));
  const keys::KeyVersion version = fresh_version(1);
  const keys::Key key{.id = KeyId::random(),
                      .name = request.name,
                      .algorithm = algorithm,
                      .residency = request.residency,
                      .tags = request.tags,
                      .created = version.created,
                      .rotate_every = std::nullopt,
                      .versions = {version}};
  passage.about(key, version.number);
  if (passage.shared().catalog->find(request.name)) {
    return refusal(Code::AlreadyExists, "a key of this name exists");
  }
  TRY(passage.intend());
  TRY(discard_leftovers(passage.seat(), &key.name, passage.deadline()));
  TRY(passage.shared().catalog->begin_key(key));
  return finish_creation(passage.seat(), key, version, passage.deadline());
}

Result<KeyView> rotate_now(Passage& passage, const KeyName& name) {
  const KeyView key = TRY(passage.admit(name));
  TRY(passage.check_configured(*key->algorithm));
  TRY(check_offered(passage.shared(), *key->algorithm));
  const keys::KeyVersion version = next_version(*key);
  passage.about(*key, version.number);
  TRY(passage.intend());
  TRY(discard_leftovers(passage.seat(), &key->name, passage.deadline()));
  TRY(passage.shared().catalog->begin_version(key->id, version));
  return finish_creation(passage.seat(), *key, version, passage.deadline());
}

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
  TRY(discard_leftovers(seat, &key.name, deadline));
  TRY(shared.catalog->begin_version(key.id, version));
  TRY(finish_creation(seat, key, version, deadline));
  return {};
}

// Sets one version, or all that stand in state `from`, to state `to`.
Result<KeyView> change_state(Passage& passage, const KeyTarget& target, keys::State from,
                             keys::State to) {
  const KeyView key = TRY(passage.admit(target.name));
  if (target.version && key->find(*target.version) == nullptr) {
    return refusal(Code::NotFound, "the key has no such version");
  }
  if (target.version) passage.about(*key, *target.version);
  TRY(passage.intend());
  store::Catalog& catalog = *passage.shared().catalog;
  for (const keys::KeyVersion& version : key->versions) {
    const bool meant = target.version ? version.number == *target.version : version.state == from;
    if (meant) TRY(catalog.set_state(key->id, version.number, to));
  }
  passage.shared().changes.add(key->id);
  return catalog.find(key->id);
}

// Keys that the caller may not see cost a decision each, never a place in the page.
Result<KeyPage> list_now(Passage& passage, const ListKeys& request) {
  TRY(passage.decide_on_any_key());
  KeyPage page;
  std::string after = request.after;
  for (;;) {
    const auto step = passage.shared().catalog->list(request.prefix, after, kListStep);
    for (const KeyView& key : step) {
      if (!passage.may_see(*key)) continue;
      if (page.keys.size() == request.limit) {
        page.next = page.keys.back()->name.text();
        return page;
      }
      page.keys.push_back(key);
    }
    if (step.size() < kListStep) return page;
    after = step.back()->name.text();
  }
}

Result<KeyReport> show_now(Passage& passage, const KeyName& name) {
  KeyView key = TRY(passage.admit(name));
  const std::optional<WallTime> used = passage.shared().last_use.find(key->id);
  return KeyReport{std::move(key), used};
}

Result<PublicKey> public_now(Passage& passage, const KeyTarget& target) {
  const KeyView key = TRY(passage.admit(target.name));
  if (key->algorithm->purpose != keys::Purpose::Sign) {
    return refusal(Code::InvalidArgument, "a secret key has no public half");
  }
  const keys::KeyVersion* const version =
      target.version ? key->find(*target.version) : key->primary();
  if (version == nullptr) {
    return target.version ? refusal(Code::NotFound, "the key has no such version")
                          : refusal(Code::FailedPrecondition, "the key has no enabled version");
  }
  passage.about(*key, version->number);
  return PublicKey{key, version->number, version->public_key};
}

}  // namespace

Sealed<KeyView> KeyService::create_key(const Call& call, const CreateKey& request) {
  Passage passage(*seat_, call, policy::Operation::Create);
  return passage.conclude(create_now(passage, request));
}

Sealed<KeyPage> KeyService::list_keys(const Call& call, const ListKeys& request) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(list_now(passage, request));
}

Sealed<KeyReport> KeyService::show_key(const Call& call, const KeyName& name) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(show_now(passage, name));
}

Sealed<PublicKey> KeyService::public_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(public_now(passage, target));
}

Sealed<KeyView> KeyService::rotate_key(const Call& call, const KeyName& name) {
  Passage passage(*seat_, call, policy::Operation::Rotate);
  return passage.conclude(rotate_now(passage, name));
}

Sealed<KeyView> KeyService::disable_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Disable);
  return passage.conclude(
      change_state(passage, target, keys::State::Enabled, keys::State::Disabled));
}

Sealed<KeyView> KeyService::enable_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Enable);
  return passage.conclude(
      change_state(passage, target, keys::State::Disabled, keys::State::Enabled));
}

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
