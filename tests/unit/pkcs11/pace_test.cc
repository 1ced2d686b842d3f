// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/pace.h"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "tests/support/expect.h"

namespace kw::pkcs11 {

TEST_CASE("pace: never more calls of a kind at once than the limit", "[pkcs11][pace]") {
  Pace pace({.symmetric = 2, .asymmetric = 1}, std::chrono::hours(1));
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        const auto permit = pace.enter(Pace::Kind::Symmetric);
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(most <= 2);
  CHECK(pace.written_off(Pace::Kind::Symmetric) == 0);
}

TEST_CASE("pace: kinds do not wait for each other", "[pkcs11][pace]") {
  Pace pace({.symmetric = 1, .asymmetric = 1}, std::chrono::hours(1));
  const auto symmetric = pace.enter(Pace::Kind::Symmetric);
  const auto asymmetric = pace.enter(Pace::Kind::Asymmetric);  // would hang
  CHECK(pace.written_off(Pace::Kind::Asymmetric) == 0);
}

TEST_CASE("pace: a waiter goes on when its patience ends, and the hung permit is written off",
          "[pkcs11][pace]") {
  Pace pace({.symmetric = 1, .asymmetric = 1}, std::chrono::milliseconds(1));
  std::optional<Pace::Permit> hung(pace.enter(Pace::Kind::Symmetric));
  {
    const auto second = pace.enter(Pace::Kind::Symmetric);
    CHECK(pace.written_off(Pace::Kind::Symmetric) == 1);
    hung.reset();  // gives nothing back: its place is the second's now
    const auto third = pace.enter(Pace::Kind::Symmetric);
    CHECK(pace.written_off(Pace::Kind::Symmetric) == 2);
  }
  const auto fourth = pace.enter(Pace::Kind::Symmetric);
  CHECK(pace.written_off(Pace::Kind::Symmetric) == 2);
}

TEST_CASE("pace: making a key has a limit of its own, and more patience", "[pkcs11][pace]") {
  Pace pace({.symmetric = 1, .asymmetric = 1, .generate = 1}, std::chrono::milliseconds(1));
  const auto first = pace.enter(Pace::Kind::Generate);
  const auto other = pace.enter(Pace::Kind::Asymmetric);
  const Clock::time_point begin = Clock::now();
  const auto second = pace.enter(Pace::Kind::Generate);
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(200));
  CHECK(pace.written_off(Pace::Kind::Generate) == 1);
  CHECK(pace.written_off(Pace::Kind::Asymmetric) == 0);
}

TEST_CASE("pace: a moved permit is given back once", "[pkcs11][pace]") {
  Pace pace({.symmetric = 1, .asymmetric = 1}, std::chrono::hours(1));
  {
    auto first = pace.enter(Pace::Kind::Symmetric);
    const auto moved = std::move(first);
  }
  const auto next = pace.enter(Pace::Kind::Symmetric);
  CHECK(pace.written_off(Pace::Kind::Symmetric) == 0);
}

}  // namespace kw::pkcs11
