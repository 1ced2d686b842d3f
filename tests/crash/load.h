// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "promises.h"
#include "tests/whole/sandbox.h"

namespace kw::crash {

// Makes the keys that the load needs, as promises.
void make_first_keys(const whole::Sandbox& sandbox, Promises& promises);

// Load is clients that ask a sandbox's server for all that changes or uses keys, each over its own
// connection and without a pause, until the server is gone. One creates and rotates, three wrap,
// unwrap and take data keys, two sign and MAC.
class Load {
 public:
  // Both must outlive it. `round` makes the names of the keys that it creates unlike those of
  // others.
  Load(const whole::Sandbox& sandbox, Promises& promises, std::uint64_t round, std::uint64_t seed);

  // Waits until the server is gone. The server must end, or this never does.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<int> running_;
  std::vector<std::thread> threads_;
};

// Waits for a random time: the choice of a crash's moment, and nothing else.
void pause_below(std::uint64_t microseconds, Random& random);

}  // namespace kw::crash
