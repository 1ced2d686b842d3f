// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace kw::core {

struct HealerOptions {
  Clock::duration shortest_wait = std::chrono::milliseconds(250);
  // Of a token that a login can lock and a reset disturbs, and of one in a folder, which costs
  // nothing to look for.
  Clock::duration longest_wait = std::chrono::seconds(30);
  Clock::duration longest_wait_for_folder = std::chrono::milliseconds(500);
  Clock::duration between_logins = std::chrono::seconds(30);
  // Session objects in one epoch, at 240 bytes that SoftHSM keeps of each.
  std::uint64_t object_budget = 1'000'000;
};

}  // namespace kw::core
