// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/core/standings.h"
#include "service/core/token_keeper.h"
#include "service/crypto/workbench.h"

namespace kw::core {

struct Shared;

// Desk is where one seat's workbench stands, with the epoch that it belongs to. Its seat takes it
// for a piece of work; the keeper clears it between two. Safe for concurrent use.
class Desk {
 public:
  // Waits until it is not being cleared. Only its seat takes it, one lease at a time.
  void take();
  void give_back();

  // Waits until nobody works at it, then ends the bench. False past the deadline.
  bool clear(Deadline deadline);

  // For who has taken it. The bench ends before its epoch.
  struct Place {
    std::shared_ptr<Epoch> epoch;
    std::unique_ptr<crypto::Workbench> bench;

    void end() {
      bench.reset();
      epoch.reset();
    }
  };
  Place& place() noexcept { return place_; }

 private:
  enum class Use { Free, Taken, Clearing };

  Mutex mutex_;
  ConditionVariable freed_;
  Use use_ KW_GUARDED_BY(mutex_) = Use::Free;
  Place place_;  // of whoever made use_ another than Free
};

// Lease is the right to work at a desk until the end of its scope. All handles that the bench knows
// are of the lease's epoch, which cannot end meanwhile. One of a seat at a time.
class [[nodiscard]] Lease {
 public:
  explicit Lease(Desk& desk) noexcept : desk_(&desk) {}
  Lease(Lease&& other) noexcept : desk_(std::exchange(other.desk_, nullptr)) {}
  Lease& operator=(Lease&&) = delete;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    if (desk_ != nullptr) desk_->give_back();
  }

  crypto::Workbench& operator*() const noexcept { return *desk_->place().bench; }
  crypto::Workbench* operator->() const noexcept { return desk_->place().bench.get(); }
  Epoch& epoch() const noexcept { return *desk_->place().epoch; }

 private:
  Desk* desk_;  // null once moved from
};

// Seat is one executor's place at the token: a workbench that is replaced when its session failed
// or its epoch ended, and that forgets what changed meanwhile. For one thread.
class Seat {
 public:
  using Visitor = TokenKeeper::Visitor;

  explicit Seat(Shared& shared, Visitor visitor = Visitor::Worker);
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // A usable bench of the current epoch. Errors: Unavailable; at once, unless the epoch is being
  // replaced on purpose: then after a moment, at the latest at the deadline.
  Result<Lease> workbench(Deadline deadline = Deadline::max());

  // Ends the bench, so that the next one has another session.
  void leave();

  Shared& shared() const noexcept { return shared_; }
  Standings& standings() noexcept { return standings_; }

 private:
  Result<bool> prepare();

  Shared& shared_;
  Standings standings_;
  const Visitor visitor_;
  const std::shared_ptr<Desk> desk_;
  std::uint64_t seen_changes_ = 0;
};

}  // namespace kw::core
