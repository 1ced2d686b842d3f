// SPDX-License-Identifier: Apache-2.0
// Promise "crash" of the contract: kill -9 at any moment under load loses nothing that was
// answered.
#include <csignal>
#include <iostream>

#include "load.h"
#include "options.h"
#include "proof.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

constexpr std::uint64_t kCrashesOfSandbox = 20;  // so that its log and its keys stay few
constexpr std::uint64_t kKills = 10;

// Victim is a sandbox and what its clients know of it.
struct Victim {
  explicit Victim(Tally& tally) : proof(sandbox, promises, tally) {
    make_first_keys(sandbox, promises);
  }

  whole::Sandbox sandbox;
  Promises promises;
  Proof proof;
};

bool is_whole_or_torn(int code) { return code == 0 || code == 3; }

// After a number of answers and a moment more, so that it hits any step of any request.
void kill_under_load(Victim& victim, std::uint64_t round, Random& random) {
  constexpr std::uint64_t kMostAnswers = 120;
  const std::uint64_t answers = victim.promises.answers() + random() % kMostAnswers;
  const Load load(victim.sandbox, victim.promises, round, random());
  CHECK(victim.promises.wait_for(answers));
  pause_below(5'000, random);
  victim.sandbox.kill();
}

// A start takes up to this long; a kill behind it hits a server that waits.
void kill_at_start(Victim& victim, Random& random) {
  victim.sandbox.launch();
  pause_below(150'000, random);
  victim.sandbox.kill();
}

}  // namespace

TEST_CASE("kill: nothing that was answered is lost when the service is killed", "[kill]") {
  const Options options = crash::options("kill", kKills);
  Random random(options.seed);
  Tally tally;
  std::unique_ptr<Victim> victim;
  std::uint64_t last = 0;  // crashes, when this victim's life ends
  while (tally.crashes < options.count) {
    INFO("crash " << tally.crashes << ", seed " << options.seed);
    if (!victim) {
      victim = std::make_unique<Victim>(tally);
      last = std::min(tally.crashes + kCrashesOfSandbox, options.count);
    }
    kill_under_load(*victim, tally.crashes, random);
    CHECK(is_whole_or_torn(victim->proof.log_before()));
    if (random() % 4 == 0 && tally.crashes < last) {
      kill_at_start(*victim, random);
      CHECK(is_whole_or_torn(victim->proof.log_before()));
    }
    victim->sandbox.dev();
    victim->proof.all_after();
    if (tally.crashes < last) continue;
    CHECK(victim->sandbox.stop() == 0);
    victim->proof.token_objects();
    std::cout << "kill: " << tally.text() << std::endl;
    victim.reset();
  }
  CHECK(tally.receipts == tally.answers);
}

}  // namespace kw::crash
