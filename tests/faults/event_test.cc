// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/bench.h"

// What happens to tokens that no CK_RV alone tells.
namespace kw::faults {
namespace {

constexpr const char* kCalls[] = {"C_OpenSession", "C_FindObjectsInit", "C_GetAttributeValue",
                                  "C_DeriveKey",   "C_EncryptInit",     "C_Encrypt",
                                  "C_Decrypt",     "C_SignInit",        "C_Sign",
                                  "C_GenerateKey", "C_GenerateKeyPair", "C_GenerateRandom"};

// The event happens while the loads run; then it is over. The service is well again by itself, or
// after a restart at the latest.
void happen(std::unique_ptr<Bench>& bench, const std::string& event, const Excuse& excuse,
            Tally& tally) {
  Bench& at = *bench;
  at.ledger.enter(event);
  at.fixture.hsm.clear();
  at.fixture.hsm.rules(event);
  {
    core::KeyService other(*at.fixture.backend);
    at.run(*at.fixture.door, other, excuse);
    at.fixture.hsm.clear();
    at.ledger.enter(event + ", over");
    ++tally.injected;
    if (at.recover(*at.fixture.door, other, tally, std::chrono::seconds(0))) {
      ++tally.healed;
      return;
    }
  }
  at.audit();
  const Result<void> started = at.restart();
  if (!started) {
    at.ledger.breach("does not start again: " + started.error().detail());
    return retire(bench);
  }
  ++tally.restarted;
  core::KeyService other(*at.fixture.backend);
  if (!at.recover(*at.fixture.door, other, tally)) at.ledger.breach("is not well after a restart");
}

}  // namespace

TEST_CASE("events: sessions or the whole token are lost in any call", "[events]") {
  Tally tally;
  Ledger ledger;
  std::unique_ptr<Bench> bench;
  for (const char* const loss : {"lose-sessions", "lose-token"}) {
    for (const char* const call : kCalls) {
      if (!bench) bench = std::make_unique<Bench>(ledger);
      tally.functions.insert(call);
      happen(bench, std::string(loss) + " " + call + " 1", {}, tally);
      ++tally.pairs;
    }
  }
  end_bench(bench, tally);
  print("events", tally, ledger);
  CHECK(ledger.breaches() == 0);
}

TEST_CASE("events: a token that finds nothing is not believed", "[events]") {
  Tally tally;
  Ledger ledger;
  auto bench = std::make_unique<Bench>(ledger);
  happen(bench, "length C_FindObjects * =0", {}, tally);
  end_bench(bench, tally);
  print("empty finds", tally, ledger);
  CHECK(ledger.breaches() == 0);
}

TEST_CASE("events: outputs of another length are not handed on", "[events]") {
  Tally tally;
  Ledger ledger;
  auto bench = std::make_unique<Bench>(ledger);
  for (const char* const event : {"length C_Encrypt * -1", "length C_Sign * -1",
                                  "length C_Decrypt * -1", "length C_Sign * =0"}) {
    if (!bench) bench = std::make_unique<Bench>(ledger);
    happen(bench, event, {.code = Code::Internal}, tally);
  }
  end_bench(bench, tally);
  print("lengths", tally, ledger);
  CHECK(ledger.breaches() == 0);
}

TEST_CASE("events: the loads do find a wrong answer", "[events]") {
  Ledger ledger;
  auto bench = std::make_unique<Bench>(ledger);
  bench->fixture.hsm.rules("flip C_Sign *");
  core::KeyService door(*bench->fixture.backend);
  bench->first.run(door, Excuse{.code = Code::Internal});
  bench->fixture.hsm.clear();
  CHECK(ledger.breaches() > 0);
}

}  // namespace kw::faults
