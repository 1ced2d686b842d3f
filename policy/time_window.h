// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace kw::policy {

// TimeWindow is a span of hours on some days of the week, as "Mon-Fri 08:00-18:00 UTC": from the
// first minute on, until before the last; "24:00" is the day's end. Days may wrap ("Sat-Mon"),
// hours not.
class TimeWindow {
 public:
  // Errors: InvalidArgument (another form, another zone than UTC).
  static Result<TimeWindow> parse(std::string_view text);

  bool contains(WallTime time) const noexcept;

 private:
  unsigned first_day_ = 0;  // Monday is 0
  unsigned last_day_ = 0;
  std::chrono::minutes from_{};
  std::chrono::minutes until_{};
};

// Reads "2026-01-31T09:30:00Z". Errors: InvalidArgument.
Result<WallTime> parse_time(std::string_view text);

}  // namespace kw::policy
