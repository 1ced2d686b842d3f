// SPDX-License-Identifier: Apache-2.0
#include "service/core/turn.h"

#include <catch2/catch.hpp>
#include <thread>

namespace kw::core {

TEST_CASE("turn: one at a time; who waits gets it, or gives up at the deadline", "[core][turn]") {
  Turns turns;
  {
    const Turn first(turns, deadline_in(std::chrono::seconds(60)));
    REQUIRE(first);
    CHECK_FALSE(Turn(turns, Clock::now()));
    CHECK_FALSE(Turn(turns, deadline_in(std::chrono::milliseconds(20))));
  }
  CHECK(Turn(turns, Clock::now()));
  int inside = 0;
  int done = 0;
  const auto work = [&] {
    for (int i = 0; i < 100; ++i) {
      const Turn mine(turns, deadline_in(std::chrono::seconds(60)));
      if (!mine || ++inside != 1) return;
      ++done;
      --inside;
    }
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
  CHECK(done == 200);
}

}  // namespace kw::core
