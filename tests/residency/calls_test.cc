// SPDX-License-Identifier: Apache-2.0
// What the service calls in the token, over all that it does, counted by the shim and judged by the
// list of what it may call.
#include <dlfcn.h>
#include <stdlib.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "base/file.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/kek.h"
#include "pkcs11/profile.h"
#include "tests/faults/load.h"
#include "tests/residency/life.h"
#include "tests/residency/tally.h"

namespace kw::residency {
namespace {

// A token grows slow with the keys that lives leave in it.
constexpr std::uint64_t kCallsOfAToken = 100'000;
constexpr std::uint64_t kShortForm = 20'000;
constexpr int kRoundsOfAStart = 40;

struct CallsFixture : core::DoorFixture {
  explicit CallsFixture(const TallyFile& tally) : DoorFixture(Closed{}) {
    tally.begin();
    checkpoint_every = std::chrono::milliseconds(50);
    allow_suite_3 = true;
    write_policy_file(policy_of_lives());
    open();
  }
};

std::uint64_t wanted_calls() {
  const char* const wanted = std::getenv("KEYWARD_RESIDENCY_CALLS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : kShortForm;
}

// One life of a token: what is asked of it until it has answered that many calls.
class Round {
 public:
  Round(const TallyFile& tally, faults::Ledger& ledger)
      : fixture_(tally), first_(fixture_, ledger), second_(first_), life_(fixture_) {}

  // The first token of a long form makes the long RSA keys, which take seconds each.
  void run(std::uint64_t until, bool with_long_rsa) {
    const std::vector<Kind>& all = kinds(with_long_rsa);
    std::size_t led = 0;
    for (int round = 1; calls_here() < until || led < all.size(); ++round) {
      run_both();
      if (round % 2 == 0 && led < all.size()) life_.lead(all[led++]);
      if (round % 10 == 0) first_.change(*fixture_.door, std::nullopt);
      if (round % 10 == 5) life_.ask_around();
      if (round % kRoundsOfAStart == 0) restart();
    }
    CHECK(first_.recover(*fixture_.door));
  }

 private:
  // As two executors would.
  void run_both() {
    core::KeyService other(*fixture_.backend);
    std::thread beside([&] { second_.run(other, std::nullopt); });
    first_.run(*fixture_.door, std::nullopt);
    beside.join();
  }

  void restart() {
    fixture_.close();
    fixture_.open();
  }

  std::uint64_t calls_here() const {
    std::uint64_t all = 0;
    for (const char* const each :
         {"C_EncryptInit", "C_Encrypt", "C_DecryptInit", "C_Decrypt", "C_SignInit", "C_Sign",
          "C_GenerateRandom", "C_GetAttributeValue", "C_FindObjectsInit", "C_FindObjects",
          "C_FindObjectsFinal", "C_DeriveKey", "C_GetTokenInfo"}) {
      all += fixture_.hsm.count(each);
    }
    return all;
  }

  CallsFixture fixture_;
  faults::Load first_;
  faults::Load second_;
  Life life_;
};

}  // namespace

TEST_CASE("calls: all that the service does is within the list", "[residency]") {
  const std::uint64_t wanted = wanted_calls();
  const test::TempDir folder;
  const TallyFile tally(folder / "tally");
  faults::Ledger ledger;
  bool with_long_rsa = wanted > kShortForm;
  while (tally.calls() < wanted) {
    const std::uint64_t left = wanted - tally.calls();
    Round(tally, ledger).run(std::min(kCallsOfAToken, left), with_long_rsa);
    with_long_rsa = false;
  }
  const Judgement judged = tally.judge(true);
  std::cout << judged.text << ledger.asked() << " requests, " << ledger.breaches()
            << " wrong answers\n";
  for (const std::string& text : ledger.texts()) std::cout << "  ! " << text << "\n";
  CHECK(judged.is_within);
  CHECK(ledger.breaches() == 0);
}

}  // namespace kw::residency
