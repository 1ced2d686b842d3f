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
#include "watch.h"

namespace kw::outage {
namespace {

constexpr int kShortForm = 10;
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

void print(const std::string& what, std::vector<double> times) {
  if (times.empty()) return;
  std::ranges::sort(times);
  std::cout << "outage: " << std::setw(12) << std::left << what << std::right << std::fixed
            << std::setprecision(0) << " x" << times.size() << "  served again after, ms: median "
            << times[times.size() / 2] << ", slowest " << times.back() << std::endl;
}

}  // namespace

TEST_CASE("outage: the token goes and comes back under load", "[outage]") {
  whole::Sandbox sandbox;
  const Facts facts(sandbox);
  Outages outages(sandbox);
  Tally tally;
  std::map<Kind, std::vector<double>> times;
  std::mt19937 random(std::random_device{}());
  {
    const Load load(sandbox, facts, tally, kClients);
    Asker asker(sandbox, facts, tally);
    for (int round = 0; round < count(); ++round) {
      const Kind kind = static_cast<Kind>(round % kKinds);
      INFO("round " << round << ": " << name_of(kind));
      await("in service", [&] { return asker.ask_all(); });
      outages.begin(kind);
      if (kind != Kind::Blink) {
        const std::uint64_t before = tally.refusals();
        await("refused", [&] {
          (void)asker.ask();
          return tally.refusals() > before + 20;
        });
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1500));
      }
      outages.end(kind);
      const auto back = std::chrono::steady_clock::now();
      await("served again", [&] { return asker.ask_all(); });
      times[kind].push_back(Millis(std::chrono::steady_clock::now() - back).count());
      REQUIRE(tally.breaches().empty());
    }
  }
  for (const std::string& breach : tally.breaches()) FAIL_CHECK(breach);
  for (const auto& [kind, taken] : times) print(name_of(kind), taken);
  std::cout << "outage: " << count() << " outages, " << tally.answers() << " right answers, "
            << tally.refusals() << " refused (503; median " << std::setprecision(1)
            << tally.refusal_time(0.5) << " ms, 99 % " << tally.refusal_time(0.99)
            << " ms), 0 wrong, 0 not found" << std::endl;
  CHECK(sandbox.keyward("auditor", {"audit", "verify", sandbox.path("audit")}).exit == 0);
  CHECK(sandbox.stop() == 0);
}

}  // namespace kw::outage
