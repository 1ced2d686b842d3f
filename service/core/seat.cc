// SPDX-License-Identifier: Apache-2.0
#include "service/core/seat.h"

#include <algorithm>

#include "service/core/shared.h"

namespace kw::core {
namespace {

constexpr auto kPatience = std::chrono::seconds(2);  // while an epoch is replaced

}  // namespace

void Desk::take() {
  const MutexLock lock(mutex_);
  KW_ASSERT(use_ != Use::Taken);
  freed_.wait(mutex_, [this]() KW_REQUIRES(mutex_) { return use_ == Use::Free; });
  use_ = Use::Taken;
}

void Desk::give_back() {
  const MutexLock lock(mutex_);
  use_ = Use::Free;
  freed_.notify_all();
}

bool Desk::clear(Deadline deadline) {
  {
    const MutexLock lock(mutex_);
    const auto is_free = [this]() KW_REQUIRES(mutex_) { return use_ == Use::Free; };
    if (!freed_.wait_until(mutex_, deadline, is_free)) return false;
    use_ = Use::Clearing;
  }
  place_.end();  // closes the session: no lock is held meanwhile
  give_back();
  return true;
}

Seat::Seat(Shared& shared, Visitor visitor)
    : shared_(shared), visitor_(visitor), desk_(std::make_shared<Desk>()) {
  shared_.keeper.add(desk_);
}

Seat::~Seat() {
  leave();
  shared_.keeper.remove(desk_);
}

Result<Lease> Seat::workbench(Deadline deadline) {
  const Deadline patience = std::min(deadline, deadline_in(kPatience));
  do {
    desk_->take();
    Lease lease(*desk_);
    if (TRY(prepare())) return lease;
  } while (shared_.keeper.await_change(patience));
  return Error(Code::Unavailable, "the token is being renewed, which takes long");
}

void Seat::leave() {
  desk_->take();
  desk_->place().end();
  desk_->give_back();
}

// False while the epoch is replaced.
Result<bool> Seat::prepare() {
  const std::shared_ptr<Epoch> current = TRY(shared_.keeper.enter(visitor_));
  if (current == nullptr) return false;
  Desk::Place& place = desk_->place();
  const auto changed = shared_.changes.since(seen_changes_);
  const bool fits = place.bench != nullptr && place.epoch == current && place.bench->usable();
  if (fits && changed) {
    for (const KeyId& key : *changed) place.bench->forget(key);
    return true;
  }
  if (place.epoch == current) current->forget_verified();
  place.end();
  Result<pkcs11::Session> session = current->token().open_session();
  if (!session) {
    shared_.keeper.report(session.error());
    return std::move(session).error();
  }
  place.epoch = current;
  place.bench = std::make_unique<crypto::Workbench>(
      std::move(session).value(), shared_.pace, crypto::DerivedLimits{},
      crypto::WorkingKeyOptions{.meter = &shared_.working_keys}, shared_.counts.get());
  return true;
}

}  // namespace kw::core
