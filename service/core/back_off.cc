// SPDX-License-Identifier: Apache-2.0
#include "service/core/back_off.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace kw::core {

Clock::duration BackOff::next() const {
  return wait_ == Clock::duration::zero() ? shortest_ : std::min(2 * wait_, longest_);
}

Deadline BackOff::failed(Clock::time_point now) {
  wait_ = next();
  std::array<std::uint8_t, 1> draw{};
  fill_random(draw);
  return now + wait_ / 2 + (wait_ / 2) * draw[0] / 255;
}

bool Strikes::add(Clock::time_point now) {
  times_.push_back(now);
  while (now - times_.front() > window_) times_.pop_front();
  if (times_.size() < count_) return false;
  times_.clear();
  return true;
}

}  // namespace kw::core
