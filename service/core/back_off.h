// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "base/clock.h"

namespace kw::core {

// BackOff says when to try again: at once, then after `shortest`, doubling to `longest`, each
// between half of it and all of it, so that many services do not come back to one HSM in step. Pure
// but for that draw; for one thread.
class BackOff {
 public:
  BackOff(Clock::duration shortest, Clock::duration longest)
      : shortest_(shortest), longest_(longest) {}

  // A try failed: when the next one is due.
  Deadline failed(Clock::time_point now);
  void succeeded() noexcept { wait_ = Clock::duration::zero(); }

  // The next wait before the draw.
  Clock::duration next() const;

 private:
  Clock::duration shortest_;
  Clock::duration longest_;
  Clock::duration wait_ = Clock::duration::zero();
};

// Strikes counts what happens again and again: true when `count` fall within `window`, which
// begins anew then. For one thread.
class Strikes {
 public:
  Strikes(std::size_t count, Clock::duration window) : count_(count), window_(window) {}
  bool add(Clock::time_point now);

 private:
  std::size_t count_;
  Clock::duration window_;
  std::deque<Clock::time_point> times_;
};

}  // namespace kw::core
