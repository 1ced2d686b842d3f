// SPDX-License-Identifier: Apache-2.0
// Promise "crash" of the contract: kill -9 at any moment under load loses nothing that was
// answered.
#include <csignal>
#include <iostream>
#include <thread>

#include "load.h"
#include "options.h"
#include "proof.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

constexpr std::uint64_t kCrashesOfSandbox = 20;  // so that its log and its keys stay few
constexpr std::uint64_t kShortForm = 10;

// World is a sandbox and what its clients know of it.
struct World {
  explicit World(Tally& tally) : proof(sandbox, promises, tally) {
    make_first_keys(sandbox, promises);
  }

  whole::Sandbox sandbox;
  Promises promises;
  Proof proof;
};

bool is_whole_or_torn(int code) { return code == 0 || code == 3; }

void pause_below(std::uint64_t limit, Random& random) {
  std::this_thread::sleep_for(std::chrono::microseconds(random() % limit));
}

// After a number of answers and a moment more, so that it hits any step of any request.
void kill_under_load(World& world, std::uint64_t round, Random& random) {
  constexpr std::uint64_t kMostAnswers = 120;
  const std::uint64_t answers = world.promises.answers() + random() % kMostAnswers;
  const Load load(world.sandbox, world.promises, round, random());
  CHECK(world.promises.wait_for(answers));
  pause_below(5'000, random);
  world.sandbox.kill();
}

// A start takes up to this long; a kill behind it hits a server that waits.
void kill_at_start(World& world, Random& random) {
  world.sandbox.launch();
  pause_below(150'000, random);
  world.sandbox.kill();
}

}  // namespace

TEST_CASE("kill: nothing that was answered is lost when the service is killed", "[kill]") {
  const Options options = crash::options("kill", kShortForm);
  Random random(options.seed);
  Tally tally;
  std::unique_ptr<World> world;
  std::uint64_t last = 0;  // crashes, when this world ends
  while (tally.crashes < options.count) {
    INFO("crash " << tally.crashes << ", seed " << options.seed);
    if (!world) {
      world = std::make_unique<World>(tally);
      last = std::min(tally.crashes + kCrashesOfSandbox, options.count);
    }
    kill_under_load(*world, tally.crashes, random);
    CHECK(is_whole_or_torn(world->proof.log_before()));
    if (random() % 4 == 0 && tally.crashes < last) {
      kill_at_start(*world, random);
      CHECK(is_whole_or_torn(world->proof.log_before()));
    }
    world->sandbox.dev();
    world->proof.all_after();
    if (tally.crashes < last) continue;
    CHECK(world->sandbox.stop() == 0);
    world->proof.token_objects();
    std::cout << "kill: " << tally.text() << std::endl;
    world.reset();
  }
  CHECK(tally.receipts == tally.answers);
}

}  // namespace kw::crash
