// SPDX-License-Identifier: Apache-2.0
#include "service/bench/sample.h"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace kw::bench {
namespace {

double microseconds(Clock::duration span) {
  return std::chrono::duration<double, std::micro>(span).count();
}

}  // namespace

Meter::Meter(Clock::duration span, std::function<Cost()> cost)
    : cost_(std::move(cost)), begin_(deadline_in(span / 10)), end_(begin_ + span) {}

void Meter::call_ended(Clock::time_point start, Clock::time_point end) {
  if (full_ || end < begin_) return;
  if (!begun_) {
    begun_ = true;
    end_ += end - begin_;
    begin_ = end;
    used_ = cost_();
    return;
  }
  latencies_us_.push_back(microseconds(end - start));
  if (end < end_) return;
  full_ = true;
  end_ = end;
  const Cost now = cost_();
  used_ = {now.worker - used_.worker, now.client - used_.client};
}

Sample Meter::sample(std::span<const Meter> meters) {
  Sample sample;
  std::vector<double> latencies;
  Cost used;
  for (const Meter& meter : meters) {
    const std::vector<double>& own = meter.latencies_us_;
    sample.calls += own.size();
    sample.per_second +=
        static_cast<double>(own.size()) / Seconds(meter.end_ - meter.begin_).count();
    used.worker += meter.used_.worker;
    used.client += meter.used_.client;
    latencies.insert(latencies.end(), own.begin(), own.end());
  }
  const double each_us = 1e6 / static_cast<double>(std::max<std::size_t>(sample.calls, 1));
  sample.cpu_us = used.worker.count() * each_us;
  sample.client_cpu_us = used.client.count() * each_us;
  sample.p50_us = quantile(latencies, 0.5);
  sample.p99_us = quantile(std::move(latencies), 0.99);
  return sample;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = std::lround(static_cast<double>(values.size() - 1) * share);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

Seconds thread_cpu() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Sample median_of(const std::vector<Sample>& samples) {
  const auto middle = [&samples](double Sample::*field) {
    std::vector<double> values;
    values.reserve(samples.size());
    for (const Sample& sample : samples) values.push_back(sample.*field);
    return median(std::move(values));
  };
  Sample result{.per_second = middle(&Sample::per_second),
                .p50_us = middle(&Sample::p50_us),
                .p99_us = middle(&Sample::p99_us),
                .cpu_us = middle(&Sample::cpu_us),
                .client_cpu_us = middle(&Sample::client_cpu_us)};
  for (const Sample& sample : samples) result.calls += sample.calls;
  return result;
}

}  // namespace kw::bench
