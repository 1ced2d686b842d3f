// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace kw {

// The only source of time. Deadlines run on the steady clock; wall time is for records and dates.
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

inline Deadline deadline_in(Clock::duration span) { return Clock::now() + span; }
inline bool has_passed(Deadline deadline) { return Clock::now() >= deadline; }

// Microseconds since 1970-01-01T00:00:00Z.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace kw
