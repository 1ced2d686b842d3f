// SPDX-License-Identifier: Apache-2.0
#include "service/telemetry/page.h"

#include <catch2/catch.hpp>

namespace kw::telemetry {
namespace {

using namespace std::chrono_literals;

bool has_line(const Page& page, const std::string& line) {
  return ("\n" + page.text()).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("page: an empty page is an empty text", "[telemetry]") { CHECK(Page().text().empty()); }

// The lines are the ones of the format's own description.
TEST_CASE("page: a counter and a gauge are written as the format says", "[telemetry]") {
  Page page;
  Counter requests;
  requests.add();
  requests.add(1026);
  page.counter("http_requests_total", "The total number of HTTP requests.")
      .value(requests, {{"method", "post"}, {"code", "200"}})
      .value(3, {{"method", "post"}, {"code", "400"}});
  page.gauge("something_bytes", "Bytes.").value(-1.5);
  CHECK(page.text() ==
        "# HELP http_requests_total The total number of HTTP requests.\n"
        "# TYPE http_requests_total counter\n"
        "http_requests_total{method=\"post\",code=\"200\"} 1027\n"
        "http_requests_total{method=\"post\",code=\"400\"} 3\n"
        "# HELP something_bytes Bytes.\n"
        "# TYPE something_bytes gauge\n"
        "something_bytes -1.5\n");
}

TEST_CASE("page: a label's value is escaped", "[telemetry]") {
  Page page;
  page.gauge("a", "A.").value(1, {{"l", "C:\\DIR\n\"x\""}});
  CHECK(has_line(page, R"(a{l="C:\\DIR\n\"x\""} 1)"));
}

TEST_CASE("page: a time is in seconds since 1970", "[telemetry]") {
  Page page;
  page.gauge("a_timestamp_seconds", "A.").value(WallTime(1'800'000'000s + 250ms));
  CHECK(has_line(page, "a_timestamp_seconds 1800000000.25"));
}

TEST_CASE("page: a large count is written in full", "[telemetry]") {
  Page page;
  Counter counter;
  counter.add(9'007'199'254'740'992);
  page.counter("a_total", "A.").value(counter);
  CHECK(has_line(page, "a_total 9007199254740992"));
}

TEST_CASE("page: the buckets of a latency are cumulative and in seconds", "[telemetry]") {
  Page page;
  Latency latency;
  latency.observe(10us);
  latency.observe(10us + 1ns);
  latency.observe(1s);
  latency.observe(1min);
  page.histogram("a_seconds", "A.").value(latency, {{"operation", "wrap"}});
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"1e-05\"} 1"));
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"5e-05\"} 2"));
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"0.25\"} 2"));
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"1\"} 3"));
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"10\"} 3"));
  CHECK(has_line(page, "a_seconds_bucket{operation=\"wrap\",le=\"+Inf\"} 4"));
  CHECK(has_line(page, "a_seconds_count{operation=\"wrap\"} 4"));
  CHECK(page.text().find("a_seconds_sum{operation=\"wrap\"} 61.00002") != std::string::npos);
}

}  // namespace kw::telemetry
