// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/mutex.h"

namespace kw::core {

// Turns lets one at a time do what takes long, and others give up waiting for it. Not
// std::timed_mutex: ThreadSanitizer does not see its locking.
class Turns {
 public:
  // Waits until it is free. False: the deadline passed first.
  bool take(Deadline deadline) {
    const MutexLock lock(mutex_);
    const auto is_free = [this]() KW_REQUIRES(mutex_) { return !taken_; };
    return freed_.wait_until(mutex_, deadline, is_free) && (taken_ = true);
  }
  void give_back() {
    const MutexLock lock(mutex_);
    taken_ = false;
    freed_.notify_one();
  }

 private:
  Mutex mutex_;
  ConditionVariable freed_;
  bool taken_ KW_GUARDED_BY(mutex_) = false;
};

// Turn is a turn that was taken, or was not to be had.
class Turn {
 public:
  Turn(Turns& turns, Deadline deadline) : turns_(turns.take(deadline) ? &turns : nullptr) {}
  ~Turn() {
    if (turns_ != nullptr) turns_->give_back();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  explicit operator bool() const noexcept { return turns_ != nullptr; }

 private:
  Turns* turns_;
};

}  // namespace kw::core
