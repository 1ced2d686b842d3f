// SPDX-License-Identifier: Apache-2.0
// The token goes away under load and comes back, again and again: no wrong answer, no key that is
// "not found", and service again by itself. Times are printed, not judged.
#include "outage.h"

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/expect.h"
#include "tests/whole/scrape.h"
#include "watch.h"

namespace kw::outage {
namespace {

constexpr int kShortForm = kKinds;
constexpr int kClients = 4;
constexpr auto kBound = std::chrono::seconds(120);  // against hanging

int count() {
  const char* const text = std::getenv("KEYWARD_OUTAGE_COUNT");
  return text == nullptr ? kShortForm : std::atoi(text);
}

void await(const std::string& what, const std::function<bool()>& is_so) {
  INFO(what);
  const auto bound = std::chrono::steady_clock::now() + kBound;
  while (!is_so()) {
    REQUIRE(std::chrono::steady_clock::now() < bound);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void print(const std::string& whose, const std::string& what, std::vector<double> times) {
  if (times.empty()) return;
  std::ranges::sort(times);
  std::cout << "outage: " << std::setw(12) << std::left << whose << std::right << std::fixed
            << std::setprecision(0) << " x" << times.size() << "  " << what << ", ms: median "
            << times[times.size() / 2] << ", slowest " << times.back() << std::endl;
}

Millis since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::steady_clock::now() - begin;
}

// What an outage does to who asks while it lasts: nobody is served.
void await_refusals(const Tally& tally, Asker& asker, std::mt19937& random) {
  const std::uint64_t before = tally.refusals();
  await("refused", [&] {
    (void)asker.ask();
    return tally.refusals() > before + 20;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1500));
}

// A hang: whose call hangs is told at his deadline, everybody else is served meanwhile.
void await_service_beside_hang(const whole::Sandbox& sandbox, const Tally& tally, Asker& asker) {
  const std::uint64_t before = tally.refusals();
  const auto hanging = [&] { return whole::scrape(sandbox)["keyward_calls_hanging"]; };
  await("calls hang, their threads are replaced", [&] { return hanging() == kHanging; });
  await("served meanwhile", [&] { return asker.ask_all(); });
  await("told at the deadline", [&] { return tally.refusals() >= before + kHanging; });
  await("served still", [&] { return asker.ask_all(); });
  CHECK(hanging() >= kHanging);  // a slow call more is none of them
}

// Nothing that was answered is missing from the log.
void check_log(const whole::Sandbox& sandbox, const Tally& tally) {
  CHECK(whole::verify_code(sandbox) == 0);
  const std::vector<whole::json> records = sandbox.records();
  for (const std::string& receipt : tally.receipts()) {
    const std::size_t index = std::stoul(receipt);
    REQUIRE(index < records.size());
    REQUIRE(receipt == std::to_string(index) + ":" + records[index]["leaf"].get<std::string>());
  }
}

void print(const std::string& what, const Tally& tally) {
  std::cout << "outage: " << what << ", " << tally.answers() << " right answers, "
            << tally.refusals() << " refused (503; median " << std::setprecision(1)
            << tally.refusal_time(0.5) << " ms, 99 % " << tally.refusal_time(0.99)
            << " ms, slowest " << tally.refusal_time(1) << " ms), " << tally.breaches().size()
            << " wrong or not found" << std::endl;
}

}  // namespace

TEST_CASE("outage: the token goes and comes back under load", "[outage]") {
  whole::Sandbox sandbox;
  const Facts facts(sandbox);
  Outages outages(sandbox);
  Tally tally;
  std::map<Kind, std::vector<double>> times;
  std::vector<double> gaps;
  std::mt19937 random(std::random_device{}());
  {
    const Load load(sandbox, facts, tally, kClients);
    Asker asker(sandbox, facts, tally);
    for (int round = 0; round < count(); ++round) {
      const Kind kind = static_cast<Kind>(round % kKinds);
      INFO("round " << round << ": " << name_of(kind));
      await("in service", [&] { return asker.ask_all(); });
      tally.watch_gap();
      outages.begin(kind);
      if (kind == Kind::Hang) {
        await_service_beside_hang(sandbox, tally, asker);
      } else if (kind != Kind::Blink) {
        await_refusals(tally, asker, random);
      }
      outages.end(kind);
      const auto back = std::chrono::steady_clock::now();
      await("served again", [&] { return asker.ask_all(); });
      times[kind].push_back(since(back).count());
      if (kind == Kind::Hang) gaps.push_back(tally.longest_gap().count());
      REQUIRE(tally.breaches().empty());
    }
  }
  for (const std::string& breach : tally.breaches()) FAIL_CHECK(breach);
  for (const auto& [kind, taken] : times) print(name_of(kind), "served again after", taken);
  print(name_of(Kind::Hang), "longest time without a right answer", gaps);
  print(std::to_string(count()) + " outages", tally);
  check_log(sandbox, tally);
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("outage: where all calls hang the service ends in order, and serves after a restart",
          "[outage]") {
  whole::Sandbox sandbox;
  const Facts facts(sandbox);
  Outages outages(sandbox);
  Tally tally;
  std::vector<double> ends;
  std::vector<double> starts;
  const int rounds = std::max(1, count() / 12);
  for (int round = 0; round < rounds; ++round) {
    INFO("round " << round);
    Asker asker(sandbox, facts, tally);
    await("in service", [&] { return asker.ask_all(); });
    {
      const Load load(sandbox, facts, tally, kClients);
      const std::uint64_t before = tally.answers();
      await("under load", [&] { return tally.answers() > before + 20; });
      outages.hang_all();
      const auto begin = std::chrono::steady_clock::now();
      await("ended", [&] { return !sandbox.server().is_running(); });
      ends.push_back(since(begin).count());
    }
    CHECK(sandbox.server().wait() == 75);
    CHECK(sandbox.says("too many calls hang"));
    CHECK(sandbox.records().back()["event"] == "stop");
    check_log(sandbox, tally);
    outages.end(Kind::Hang);
    const auto begin = std::chrono::steady_clock::now();
    outages.start();
    Asker again(sandbox, facts, tally);
    await("served again", [&] { return again.ask_all(); });
    starts.push_back(since(begin).count());
    REQUIRE(tally.breaches().empty());
  }
  print("all hang", "the service ended after", ends);
  print("all hang", "served after the restart in", starts);
  print(std::to_string(rounds) + " restarts", tally);
  check_log(sandbox, tally);
  CHECK(sandbox.stop() == 0);
}

}  // namespace kw::outage
