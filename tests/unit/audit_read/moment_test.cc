// SPDX-License-Identifier: Apache-2.0
// The dates are the examples of RFC 3339, section 5.8; their seconds are those of date(1).
#include "service/audit_read/moment.h"

#include "a_record.h"

namespace kw::test {

using audit_read::parse_moment;

TEST_CASE("moment: takes the examples of RFC 3339", "[audit_read]") {
  CHECK(parse_moment("1985-04-12T23:20:50.52Z", {}) == 482196050'520000u);
  CHECK(parse_moment("1996-12-19T16:39:57-08:00", {}) == 851042397'000000u);
  CHECK(parse_moment("1996-12-20t00:39:57z", {}) == 851042397'000000u);
  CHECK(parse_moment("1970-01-01T01:00:00+01:00", {}) == 0u);
  CHECK(parse_moment("2024-02-29T00:00:00.1234567890Z", {}) == 1709164800'123456u);
}

TEST_CASE("moment: refuses leap seconds, dates before 1970 and days that are none",
          "[audit_read]") {
  for (const std::string_view text :
       {"1990-12-31T23:59:60Z", "1937-01-01T12:00:27.87+00:20", "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z", "2023-00-01T00:00:00Z", "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z", "2023-01-01T00:00:00", "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+24:00", "2023-01-01T00:00:00Zx", "2023-1-1T00:00:00Z", "2023-01-01",
        "", "Z", "-1h"}) {
    INFO(text);
    CHECK_FALSE(parse_moment(text, at_second(1'000'000)).has_value());
  }
}

TEST_CASE("moment: an age counts back from now, to 1970 at most", "[audit_read]") {
  const WallTime now = at_second(10'000'000);
  CHECK(parse_moment("90s", now) == 9'999'910'000000u);
  CHECK(parse_moment("15m", now) == 9'999'100'000000u);
  CHECK(parse_moment("24h", now) == 9'913'600'000000u);
  CHECK(parse_moment("7d", now) == 9'395'200'000000u);
  CHECK(parse_moment("2w", now) == 8'790'400'000000u);
  CHECK(parse_moment("0s", now) == 10'000'000'000000u);
  CHECK(parse_moment("99999999d", now) == 0u);
  for (const std::string_view text : {"1", "h", "1y", "1.5h", "+1h", "1 h", "99999999999999999999s",
                                      "9223372036854775807w", "999999999d"}) {
    INFO(text);
    CHECK_FALSE(parse_moment(text, now).has_value());
  }
}

}  // namespace kw::test
