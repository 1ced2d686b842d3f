// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>

#include "tests/faults/load.h"

namespace kw::faults {

// Tally is what a run did, for its closing lines.
struct Tally {
  std::set<std::string> functions;
  std::set<unsigned long> codes;
  std::uint64_t pairs = 0;
  std::uint64_t injected = 0;
  std::uint64_t retries = 0;  // recoveries that needed more than one round
  std::uint64_t latched = 0;  // services that an operator would have to let in again
  std::uint64_t refused_starts = 0;
  std::uint64_t healed = 0;     // were well again without a restart
  std::uint64_t restarted = 0;  // needed one
};

// FaultFixture is a door that logs in again at once, however often the login is lost.
struct FaultFixture : core::DoorFixture {
  FaultFixture();
};

// Bench is a service over a fresh token, with two loads, for a number of faults.
struct Bench {
  explicit Bench(Ledger& log) : ledger(log), first(fixture, log), second(first) {}

  // Both loads at once, as executors do. The changes of state have one lane, and so one thread.
  void run(core::KeyService& one, core::KeyService& other, const Excuse& excuse);

  // The rules are gone: the doors that saw the fault serve again. False: not within `patience`.
  bool recover(core::KeyService& one, core::KeyService& other, Tally& tally,
               Clock::duration patience = std::chrono::seconds(120));

  // Starts the closed service. Errors: as Backend::open.
  Result<void> restart();

  // Ends the service: its log must verify and hold each answer.
  void audit();

  FaultFixture fixture;
  Ledger& ledger;
  Load first;
  Load second;
};

// Ends the bench, and reads its log.
void retire(std::unique_ptr<Bench>& bench);

// The service that saw all those faults stops and starts again: nothing is lost. Then retires it.
void end_bench(std::unique_ptr<Bench>& bench, Tally& tally);

// The closing lines: counts, answers by outcome, breaches.
void print(const std::string& name, const Tally& tally, const Ledger& ledger);

}  // namespace kw::faults
