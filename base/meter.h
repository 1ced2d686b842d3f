// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"

// What a room counts of its own work, and somebody else reads now and then: plain relaxed atomics,
// without a lock or an allocation where they are counted. No room knows who reads them.
namespace kw {

// Counter only grows. Safe for concurrent use.
class Counter {
 public:
  void add(std::uint64_t more = 1) noexcept { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// Distribution is what a Histogram holds at a moment. `counts` has one place for each bound, which
// is the highest value that it counts, and one more for what lies above them all.
struct Distribution {
  std::span<const std::uint64_t> bounds;
  std::vector<std::uint64_t> counts;
  std::uint64_t sum = 0;
};

// Histogram counts values by size, between bounds that are fixed where it is compiled. Safe for
// concurrent use; a reading may miss what is counted at the same time.
template <const auto& kBounds>
class Histogram {
 public:
  void observe(std::uint64_t value) noexcept {
    std::size_t place = 0;
    while (place < kBounds.size() && value > kBounds[place]) ++place;
    counts_[place].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  Distribution read() const {
    Distribution now{kBounds, {}, sum_.load(std::memory_order_relaxed)};
    now.counts.reserve(counts_.size());
    for (const auto& count : counts_) now.counts.push_back(count.load(std::memory_order_relaxed));
    return now;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_ = 0;
};

// Durations in nanoseconds, from 10 microseconds to 10 seconds.
inline constexpr std::array<std::uint64_t, 15> kLatencyBounds = {
    10'000,      50'000,      100'000,       250'000,       500'000,
    1'000'000,   2'500'000,   5'000'000,     10'000'000,    25'000'000,
    100'000'000, 250'000'000, 1'000'000'000, 2'500'000'000, 10'000'000'000};

// Latency is a histogram of durations.
class Latency : public Histogram<kLatencyBounds> {
 public:
  void observe(Clock::duration took) noexcept {
    Histogram::observe(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(took).count()));
  }
};

// Timing measures from here to the end of its scope.
class Timing {
 public:
  explicit Timing(Latency& latency) noexcept : latency_(latency), begin_(Clock::now()) {}
  Timing(const Timing&) = delete;
  Timing& operator=(const Timing&) = delete;
  ~Timing() { latency_.observe(Clock::now() - begin_); }

 private:
  Latency& latency_;
  const Clock::time_point begin_;
};

}  // namespace kw
