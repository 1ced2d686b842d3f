// SPDX-License-Identifier: Apache-2.0
#include "service/core/back_off.h"

#include "tests/support/expect.h"

namespace kw::core {

using std::chrono::milliseconds;

TEST_CASE("back-off: doubles from the shortest to the longest wait", "[core][back_off]") {
  BackOff back_off(milliseconds(250), milliseconds(1500));
  const Clock::time_point now = Clock::now();
  for (const int wait : {250, 500, 1000, 1500, 1500}) {
    CHECK(back_off.next() == milliseconds(wait));
    const Deadline due = back_off.failed(now);
    CHECK(due >= now + milliseconds(wait) / 2);
    CHECK(due <= now + milliseconds(wait));
  }
  back_off.succeeded();
  CHECK(back_off.next() == milliseconds(250));
}

TEST_CASE("strikes: as many as it takes within the window, and then anew", "[core][back_off]") {
  Strikes strikes(3, milliseconds(10'000));
  const Clock::time_point start{};
  const auto at = [start](int ms) { return start + milliseconds(ms); };
  CHECK_FALSE(strikes.add(at(0)));
  CHECK_FALSE(strikes.add(at(6'000)));
  CHECK_FALSE(strikes.add(at(12'000)));  // the first one is forgotten
  CHECK(strikes.add(at(13'000)));
  CHECK_FALSE(strikes.add(at(13'100)));
  CHECK_FALSE(strikes.add(at(13'200)));
  CHECK(strikes.add(at(13'300)));
}

}  // namespace kw::core
