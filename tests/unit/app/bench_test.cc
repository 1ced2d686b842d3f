// SPDX-License-Identifier: Apache-2.0
#include "service/bench/bench.h"

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

Options options_with(const std::filesystem::path& program, const std::filesystem::path& folder) {
  return {.program = program,
          .folder = folder,
          .operations = {Operation::Wrap},
          .connections = {1},
          .seconds = 0.01};
}

void ignore(const std::string&) {}

}  // namespace

TEST_CASE("bench: a server that does not start is an error with its last line", "[bench][fault]") {
  const test::TempDir folder;
  const test::TempDir scratch;
  REQUIRE_OK(write_file(folder / "server", "#!/bin/sh\necho first >&2\necho no luck >&2\n", 0700));
  const auto report = run(options_with(folder / "server", scratch.path()), ignore);
  CHECK_CODE(report, Code::Unavailable);
  CHECK(report.error().detail() == "the server ended before it served: no luck");
  CHECK(std::filesystem::is_empty(scratch.path()));
}

TEST_CASE("bench: a program that is not there is an error", "[bench][fault]") {
  const test::TempDir folder;
  CHECK_CODE(run(options_with(folder / "missing", folder.path()), ignore), Code::Unavailable);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("meter: warm-up and what comes late are not counted", "[bench]") {
  Cost used;
  const auto start = Clock::now();
  Meter meter(seconds(10), [&used] { return used; });
  const auto call = [&](seconds end, microseconds latency, Seconds worker) {
    used = {worker, worker * 2};
    meter.call_ended(start + end - latency, start + end);
  };
  call(seconds(0), microseconds(1), Seconds(1));   // warm-up
  call(seconds(5), microseconds(2), Seconds(10));  // begins the window
  call(seconds(9), microseconds(30), Seconds(11));
  CHECK_FALSE(meter.is_full());
  call(seconds(25), microseconds(50), Seconds(14));  // ends it, late
  CHECK(meter.is_full());
  call(seconds(26), microseconds(900), Seconds(90));
  const Sample sample = Meter::sample({&meter, 1});
  CHECK(sample.calls == 2);
  CHECK(sample.per_second == Approx(2.0 / 20));
  CHECK(sample.p99_us == Approx(50));
  CHECK(sample.cpu_us == Approx(2e6));
  CHECK(sample.client_cpu_us == Approx(4e6));
}

TEST_CASE("meter: threads that ran together add up", "[bench]") {
  const auto start = Clock::now();
  const auto none = [] { return Cost(); };
  std::vector<Meter> meters = {Meter(seconds(1), none), Meter(seconds(1), none)};
  for (Meter& meter : meters) {
    for (const int second : {10, 15, 20}) {
      meter.call_ended(start + seconds(second - 1), start + seconds(second));
    }
  }
  const Sample sample = Meter::sample(meters);
  CHECK(sample.calls == 2);
  CHECK(sample.per_second == Approx(0.4));
  CHECK(sample.p50_us == Approx(1e6));
}

TEST_CASE("median: half of the values are below it, in any order", "[bench]") {
  CHECK(median(std::vector<double>{}) == Approx(0));
  CHECK(median({7}) == Approx(7));
  CHECK(median({9, 1, 5}) == Approx(5));
  CHECK(quantile({4, 3, 2, 1, 0}, 0.99) == Approx(4));
}

TEST_CASE("report: a line's ratio is the median of the rounds' ratios", "[bench]") {
  const auto round = [](double raw, double service) {
    return Round{{.calls = 1, .per_second = raw}, {.calls = 1, .per_second = service}};
  };
  Report report;
  report.rounds = 3;
  report.lines = {{Operation::Wrap, 16, 1, {round(100, 50), round(10, 9), round(1000, 100)}}};
  const std::string text = to_json(report);
  CHECK(text.find("\"ratio\": 0.5,") != std::string::npos);
  CHECK(text.find("\"ratio_lowest\": 0.1,") != std::string::npos);
  CHECK(text.find("\"ratio_highest\": 0.9") != std::string::npos);
  CHECK(text.find("\"ratio_of_fastest\": 0.1,") != std::string::npos);
  CHECK(to_table(report).find("0.500    0.100  0.100-0.900") != std::string::npos);
}

}  // namespace kw::bench
