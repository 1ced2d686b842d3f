// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace kw {
namespace {

constexpr auto kBound = std::chrono::seconds(60);  // against hanging

// Tokens are taken one by one; whoever finds none waits.
class Tokens {
 public:
  bool take(Deadline deadline) {
    const MutexLock lock(mutex_);
    const auto is_one = [this]() KW_REQUIRES(mutex_) { return count_ > 0; };
    ++waiting_;
    arrived_.notify_all();
    const bool got = came_.wait_until(mutex_, deadline, is_one);
    --waiting_;
    if (got) --count_;
    return got;
  }
  void put_one() {
    {
      const MutexLock lock(mutex_);
      ++count_;
    }
    came_.notify_one();
  }
  void await_waiting(int number) {
    const MutexLock lock(mutex_);
    arrived_.wait(mutex_, [this, number]() KW_REQUIRES(mutex_) { return waiting_ >= number; });
  }

 private:
  Mutex mutex_;
  ConditionVariable came_;
  ConditionVariable arrived_;
  int count_ KW_GUARDED_BY(mutex_) = 0;
  int waiting_ KW_GUARDED_BY(mutex_) = 0;
};

}  // namespace

TEST_CASE("condition variable: who waits leaves the mutex free, and is woken", "[base][mutex]") {
  constexpr int kThreads = 4;
  Tokens tokens;
  std::vector<std::thread> threads;
  std::vector<char> took(kThreads, 0);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&tokens, &got = took[static_cast<std::size_t>(i)]] {
      got = tokens.take(deadline_in(kBound)) ? 1 : 0;
    });
  }
  tokens.await_waiting(kThreads);
  for (int i = 0; i < kThreads; ++i) tokens.put_one();
  for (std::thread& thread : threads) thread.join();
  CHECK(took == std::vector<char>(kThreads, 1));
  CHECK_FALSE(tokens.take(Clock::now()));
}

TEST_CASE("condition variable: a deadline that has passed asks once", "[base][mutex]") {
  Tokens tokens;
  CHECK_FALSE(tokens.take(Clock::now() - std::chrono::hours(1)));
  tokens.put_one();
  CHECK(tokens.take(Clock::now() - std::chrono::hours(1)));
}

}  // namespace kw
