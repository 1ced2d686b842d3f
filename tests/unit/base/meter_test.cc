// SPDX-License-Identifier: Apache-2.0
#include "base/meter.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <thread>
#include <vector>

namespace kw {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::uint64_t, 3> kSizes = {1, 10, 100};
using Sizes = Histogram<kSizes>;

std::uint64_t count_of(const Distribution& distribution) {
  return std::accumulate(distribution.counts.begin(), distribution.counts.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("meter: a bound is the highest value that it counts", "[meter]") {
  Sizes sizes;
  for (const std::uint64_t value : std::vector<std::uint64_t>{0, 1, 2, 10, 11, 100, 101, 5000})
    sizes.observe(value);
  const Distribution now = sizes.read();
  CHECK(std::vector<std::uint64_t>(now.bounds.begin(), now.bounds.end()) ==
        std::vector<std::uint64_t>{1, 10, 100});
  CHECK(now.counts == std::vector<std::uint64_t>{2, 2, 2, 2});
  CHECK(now.sum == 5225);
}

TEST_CASE("meter: a fresh one holds nothing", "[meter]") {
  CHECK(Counter().value() == 0);
  CHECK(count_of(Sizes().read()) == 0);
  CHECK(Sizes().read().sum == 0);
}

TEST_CASE("meter: a timing ends with its scope, once", "[meter]") {
  Latency latency;
  {
    const Timing timing(latency);
    CHECK(count_of(latency.read()) == 0);
    std::this_thread::sleep_for(2ms);
  }
  CHECK(count_of(latency.read()) == 1);
  CHECK(latency.read().sum >= 2'000'000);
}

TEST_CASE("meter: nothing is lost between threads", "[meter][thread]") {
  constexpr int kEach = 20'000;
  Counter counter;
  Sizes sizes;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        counter.add(2);
        sizes.observe(static_cast<std::uint64_t>(n % 7));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(counter.value() == 8u * kEach);
  CHECK(count_of(sizes.read()) == 4u * kEach);
}

}  // namespace kw
