// SPDX-License-Identifier: Apache-2.0
#include "service/core/key_service.h"

#include "base/file.h"
#include "base/log.h"
#include "service/core/backend.h"
#include "service/core/checkpointer.h"
#include "service/core/healer.h"
#include "service/core/keks.h"
#include "service/core/passage.h"
#include "service/core/shared.h"
#include "service/crypto/random.h"

// The door's odds and ends; the operations on keys, blobs, signatures, the policy and the audit log
// stand in manage.cc, blobs.cc, signatures.cc, policy.cc and audit.cc.
namespace kw::core {
namespace {

constexpr auto kUnauthenticatedEvery = std::chrono::seconds(10);
constexpr auto kKeksEvery = std::chrono::seconds(55);
constexpr std::size_t kTicksPerRound = 55;  // one a second: every key within a minute

// Compares the next few keys with the token; yields the name to go on after. Wrapped keys are
// compared whenever they are unwrapped.
std::string compare_some(Seat& seat, const std::string& after) {
  store::Catalog& catalog = *seat.shared().catalog;
  const std::size_t share = catalog.size_in_token() / kTicksPerRound + 1;
  const auto page = catalog.list_in_token(after, share);
  for (const KeyView& key : page) compare_with_token(seat, *key);
  return page.size() < share ? std::string() : page.back()->name.text();
}

// A wrapped key that did not come back as the catalog knows it was refused when it was used; here
// the alarm is raised.
void look_at_suspects(Seat& seat) {
  const std::vector<KeyId> suspects = seat.shared().working_keys.take_suspects();
  if (suspects.empty()) return;
  compare_keks(seat);
  for (const KeyId& suspect : suspects) {
    const Result<KeyView> key = seat.shared().catalog->find(suspect);
    if (key) compare_with_token(seat, **key);
  }
}

Result<void> look_for_life(Seat& seat) {
  const Lease bench = TRY(seat.workbench());
  return ask_for_sign_of_life(seat.shared(), *bench);
}

}  // namespace

struct KeyService::Upkeep {
  std::string compared_up_to;
  Deadline next_keks;            // at once, then every round
  Deadline next_checkpoint_key;  // the same
  Deadline next_count = deadline_in(kUnauthenticatedEvery);
};

KeyService::KeyService(Backend& backend)
    : seat_(std::make_unique<Seat>(*backend.shared_)), upkeep_(std::make_unique<Upkeep>()) {}

KeyService::~KeyService() = default;

Sealed<Secret> KeyService::random(const Call& call, std::size_t size) {
  Passage passage(*seat_, call, policy::Operation::Random);
  const auto act = [&]() -> Result<Secret> {
    TRY(passage.decide({}));
    Secret bytes = TRY(passage.at_bench(
        [size](crypto::Workbench& bench) { return crypto::random_bytes(bench, size); }));
    passage.gives(bytes.size());
    return bytes;
  };
  return passage.conclude(act());
}

Sealed<Secret> KeyService::refuse(const Call& call, std::string_view operation, Error error) {
  Passage passage(*seat_, call, operation);
  return passage.conclude(Result<Secret>(std::move(error)));
}

void KeyService::maintain() {
  Shared& shared = seat_->shared();
  const Result<void> alive = look_for_life(*seat_);
  if (!alive) {
    shared.token_answered.store(0);
    if (shared.keeper.state() == TokenState::Closed) {
      log_error(Severity::Error, "the token gives no sign of life", alive.error());
    }
    note_no_sign_of_life(shared, alive.error());
    return;
  }
  note_sign_of_life(shared);
  shared.healer->watch_budget();
  (void)discard_leftovers(*seat_);  // whoever failed has said so
  compare_suspended(*seat_);
  look_at_suspects(*seat_);
  rotate_counted();
  if (has_passed(upkeep_->next_keks)) {
    upkeep_->next_keks = deadline_in(kKeksEvery);
    compare_keks(*seat_);
  }
  upkeep_->compared_up_to = compare_some(*seat_, upkeep_->compared_up_to);
  if (has_passed(upkeep_->next_checkpoint_key)) {
    upkeep_->next_checkpoint_key = deadline_in(std::chrono::seconds(kTicksPerRound));
    shared.checkpointer->compare_key(*seat_);
  }
  if (!has_passed(upkeep_->next_count)) return;
  upkeep_->next_count = deadline_in(kUnauthenticatedEvery);
  const std::uint64_t count = shared.unauthenticated.exchange(0);
  if (count == 0) return;
  audit::Record record = audit::system_record(audit::Event::Unauthenticated);
  record.count = count;
  record_event(shared, record);
}

}  // namespace kw::core
