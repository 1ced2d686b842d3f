// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"

namespace kw::http {

// Seats counts open connections against a limit. Safe for concurrent use; outlives each Seat.
class Seats {
 public:
  // Seat is one connection's place, given back when it ends.
  class Seat {
   public:
    Seat(Seat&& other) noexcept : seats_(std::exchange(other.seats_, nullptr)) {}
    Seat& operator=(Seat&&) = delete;
    ~Seat() {
      if (seats_ != nullptr) seats_->leave();
    }

   private:
    friend class Seats;
    explicit Seat(Seats& seats) noexcept : seats_(&seats) {}
    Seats* seats_;  // null once moved from
  };

  explicit Seats(std::size_t limit) noexcept : limit_(limit) {}

  std::optional<Seat> take() KW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (taken_ >= limit_) return std::nullopt;
    ++taken_;
    return Seat(*this);
  }

  // Nobody loses a seat to a lower limit.
  void set_limit(std::size_t limit) KW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    limit_ = limit;
  }

  std::size_t taken() const KW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return taken_;
  }

  // Waits until all seats are free; false if the deadline came first.
  bool wait_until_empty(Deadline deadline) KW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return emptied_.wait_until(mutex_, deadline,
                               [this]() KW_REQUIRES(mutex_) { return taken_ == 0; });
  }

 private:
  void leave() noexcept KW_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    --taken_;
    if (taken_ == 0) emptied_.notify_all();
  }

  mutable Mutex mutex_;
  ConditionVariable emptied_;
  std::size_t limit_ KW_GUARDED_BY(mutex_);
  std::size_t taken_ KW_GUARDED_BY(mutex_) = 0;
};

}  // namespace kw::http
