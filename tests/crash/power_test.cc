// SPDX-License-Identifier: Apache-2.0
// Power cuts that drop what was not synced: nothing that was answered is lost, and the service
// starts.
#include <array>
#include <csignal>
#include <iostream>

#include "disk.h"
#include "journal.h"
#include "load.h"
#include "options.h"
#include "proof.h"
#include "service/audit_verify/verify.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

using audit_verify::Finding;

constexpr std::uint64_t kCutsOfSandbox = 10;
constexpr std::uint64_t kCuts = 6;
// How much of what was not synced a cut keeps; the first is the extreme.
constexpr std::array kKept = {0.0, 0.5, 0.1, 0.9, 0.5};

// World is a sandbox on a disk that loses power, and what its clients know of it.
struct World {
  explicit World(Tally& tally) : proof(sandbox, promises, tally) {}

  void launch() {
    REQUIRE_OK(write_file(journal, ""));
    disk.emplace(sandbox / "");
    sandbox.launch({{"LD_PRELOAD", KEYWARD_RECORDER},
                    {kFolderVariable, (sandbox / "").parent_path().string()},
                    {kJournalVariable, journal.string()},
                    {kSyncDelayVariable, "400"}});
  }

  void lose_power(Random& random) {
    constexpr std::size_t kMostJournal = std::size_t{1} << 30;
    sandbox.kill();
    disk->replay(REQUIRE_OK(read_file(journal, kMostJournal)));
    disk->cut(kKept[random() % kKept.size()], random);
  }

  bool has_checkpoint() const { return std::filesystem::exists(sandbox / "audit/checkpoint"); }
  bool has_log() const {
    return std::filesystem::exists(sandbox / "audit/00000000000000000000.kwa");
  }

  whole::Sandbox sandbox{whole::Sandbox::Server::None};
  test::TempDir outside;
  std::filesystem::path journal = outside / "journal";
  std::optional<Disk> disk;
  Promises promises;
  Proof proof;
  bool has_keys = false;
};

// docs/audit-format.md, "After a crash": pages of the last batch came to the disk out of order.
// Nobody was answered for what is behind the damage; the next start cuts it off.
void judge_damage(const World& world, Tally& tally) {
  const auto verdict = REQUIRE_OK(audit_verify::verify(world.sandbox / "audit"));
  REQUIRE(verdict.finding == Finding::Tampered);
  for (const Receipt& receipt : world.promises.receipts) {
    CHECK(std::stoull(receipt.text) < verdict.records);
  }
  ++tally.damaged;
}

void judge_log(World& world, Tally& tally) {
  const int code = world.proof.log_before();
  if (code == 1) return judge_damage(world, tally);
  // The checkpoint is made last: a first start that was cut short may have none yet.
  CHECK((code == 0 || code == 3 || (!world.has_checkpoint() && !world.has_keys)));
}

// One life of the server, to its end.
void live(World& world, std::uint64_t round, Random& random) {
  constexpr std::uint64_t kMostAnswers = 100;
  world.launch();
  if (random() % 4 == 0) {
    // The first start takes longest, and its first moments are the most delicate.
    const bool is_first = !world.has_log() && random() % 2 == 0;
    pause_below(is_first ? 20'000 : 600'000, random);
    return world.lose_power(random);
  }
  if (!world.sandbox.comes_up()) FAIL("keyward dev does not come up: " << world.sandbox.log());
  if (world.has_keys) {
    world.proof.all_after();
  } else {
    make_first_keys(world.sandbox, world.promises);
    world.has_keys = true;
  }
  const std::uint64_t answers = world.promises.answers() + random() % kMostAnswers;
  const Load load(world.sandbox, world.promises, round, random());
  CHECK(world.promises.wait_for(answers));
  pause_below(5'000, random);
  world.lose_power(random);
}

}  // namespace

TEST_CASE("power: nothing that was answered is lost when the power goes", "[power]") {
  const Options options = crash::options("power", kCuts);
  Random random(options.seed);
  Tally tally;
  while (tally.crashes < options.count) {
    World world(tally);
    const std::uint64_t last = std::min(tally.crashes + kCutsOfSandbox, options.count);
    while (tally.crashes < last) {
      INFO("cut " << tally.crashes << ", seed " << options.seed);
      live(world, tally.crashes, random);
      judge_log(world, tally);
    }
    world.sandbox.dev();
    if (world.has_keys) {
      world.proof.all_after();
      CHECK(world.sandbox.stop() == 0);
      world.proof.token_objects();
    }
    std::cout << "power: " << tally.text() << std::endl;
  }
  CHECK(tally.receipts == tally.answers);
}

TEST_CASE("power: a sandbox whose making lost power is made anew", "[power]") {
  const Options options = crash::options("power, while a sandbox is made", kCuts);
  constexpr std::size_t kDelicate = 40;  // entries, until the folder says what it is
  Random random(options.seed);
  Tally tally;
  World world(tally);
  world.launch();
  REQUIRE(world.sandbox.comes_up());
  world.sandbox.kill();
  const std::string journal = REQUIRE_OK(read_file(world.journal));
  const std::size_t whole = world.disk->replay(journal);
  for (std::uint64_t i = 0; i < options.count; ++i) {
    const std::size_t entries = random() % (i % 2 == 0 ? kDelicate : whole);
    INFO("cut behind entry " << entries << ", seed " << options.seed);
    std::filesystem::remove_all(world.sandbox / "");
    std::filesystem::create_directory(world.sandbox / "");
    Disk disk(world.sandbox / "");
    disk.replay(journal, entries);
    disk.cut(kKept[random() % kKept.size()], random);
    world.sandbox.dev();
    world.sandbox.make_key("after");
    world.sandbox.kill();
  }
}

}  // namespace kw::crash
