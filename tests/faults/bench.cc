// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/bench.h"

#include <iostream>
#include <thread>

#include "service/audit_verify/verify.h"

namespace kw::faults {

FaultFixture::FaultFixture() : DoorFixture(Closed{}) {
  healer.between_logins = std::chrono::milliseconds(50);
  open();
}

void Bench::run(core::KeyService& one, core::KeyService& other, const Excuse& excuse) {
  std::thread beside([&] { second.run(other, excuse); });
  first.run(one, excuse);
  first.change(one, excuse);
  beside.join();
}

bool Bench::recover(core::KeyService& one, core::KeyService& other, Tally& tally,
                    Clock::duration patience) {
  const Deadline end = deadline_in(patience);
  int tries = 0;
  do {
    one.maintain();
    if (first.recover(one) && second.open_kept(other)) {
      tally.retries += tries > 0 ? 1 : 0;
      return true;
    }
    ++tries;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (!has_passed(end));
  return false;
}

Result<void> Bench::restart() {
  fixture.backend = TRY(fixture.try_open());
  fixture.door = std::make_unique<core::KeyService>(*fixture.backend);
  return {};
}

void Bench::audit() {
  fixture.close();
  const auto verdict = audit_verify::verify(fixture.folder / "audit");
  if (!verdict) {
    ledger.breach("the log cannot be read: " + verdict.error().detail());
  } else if (verdict->finding != audit_verify::Finding::Good) {
    ledger.breach("the log does not verify: " + verdict->what);
  }
  ledger.compare(fixture.records());
}

void retire(std::unique_ptr<Bench>& bench) {
  bench->audit();
  bench = nullptr;
}

void end_bench(std::unique_ptr<Bench>& bench, Tally& tally) {
  if (!bench) return;
  bench->ledger.enter("after a restart");
  bench->audit();
  const Result<void> started = bench->restart();
  if (started) {
    core::KeyService other(*bench->fixture.backend);
    if (!bench->recover(*bench->fixture.door, other, tally)) bench->ledger.breach("is not well");
  } else {
    bench->ledger.breach("does not start: " + started.error().detail());
  }
  retire(bench);
}

void print(const std::string& name, const Tally& tally, const Ledger& ledger) {
  std::cout << name << ": " << tally.functions.size() << " functions, " << tally.codes.size()
            << " codes, " << tally.pairs << " pairs, " << tally.injected << " faults, "
            << ledger.asked() << " requests\n";
  for (const auto& [outcome, count] : ledger.outcomes()) {
    std::cout << "  " << outcome << ": " << count << "\n";
  }
  std::cout << "  well again without a restart: " << tally.healed
            << ", with one: " << tally.restarted << ", in more than one round: " << tally.retries
            << ", latched: " << tally.latched << ", starts refused: " << tally.refused_starts
            << ", keys that SoftHSM mistook: " << ledger.mistakes()
            << ", breaches: " << ledger.breaches() << "\n";
  for (const std::string& text : ledger.texts()) std::cout << "  ! " << text << "\n";
  std::cout << std::flush;
}

}  // namespace kw::faults
