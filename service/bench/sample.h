// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace kw::bench {

using Seconds = std::chrono::duration<double>;

// Sample is one slice's figures, or the medians of many.
struct Sample {
  std::uint64_t calls = 0;
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double cpu_us = 0;         // of the process that does the work, for each call
  double client_cpu_us = 0;  // of the one that asks; 0 for raw calls
};

// Cost is processor time used up to now: by the process that does the work, and by the one that
// asks.
struct Cost {
  Seconds worker{};
  Seconds client{};
};

// The processor time of the thread that asks.
Seconds thread_cpu();

// Meter counts the calls of one slice, from the end of a call to the end of another, `span` or
// a little more later: however slow they are, there is one, and the time is theirs. A tenth of
// `span` is warm-up before.
class Meter {
 public:
  Meter(Clock::duration span, std::function<Cost()> cost);

  void call_ended(Clock::time_point start, Clock::time_point end);
  bool is_full() const noexcept { return full_; }

  // One sample of meters that ran at the same time, all full.
  static Sample sample(std::span<const Meter> meters);

 private:
  std::function<Cost()> cost_;
  Deadline begin_;
  Deadline end_;
  bool begun_ = false;
  bool full_ = false;
  Cost used_;  // at the beginning; when full, between beginning and end
  std::vector<double> latencies_us_;
};

// Of values in any order; 0 of none.
double quantile(std::vector<double> values, double share);
double median(std::vector<double> values);

// Field by field; the calls are added up.
Sample median_of(const std::vector<Sample>& samples);

}  // namespace kw::bench
