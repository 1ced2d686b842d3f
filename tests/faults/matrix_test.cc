// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <set>

#include "pkcs11/return_value.h"
#include "tests/faults/bench.h"

// The fault matrix: every function that the service calls in the token, times every CK_RV.
namespace kw::faults {
namespace {

using pkcs11::ReturnValue;
using pkcs11::RvClass;

// Those that a start calls and no request does.
const std::set<std::string> kOfTheStart = {
    "C_GetFunctionList", "C_Initialize",   "C_Finalize", "C_GetInfo",
    "C_GetSlotList",     "C_GetTokenInfo", "C_Login"};

// A token grows slow with the keys that the pairs leave in it.
constexpr std::uint64_t kPairsOfABench = 12;

bool is_long_form() { return std::getenv("KEYWARD_MATRIX") != nullptr; }

// The functions are those of the list that token_functions holds the service to, without its
// conditions.
std::vector<std::string> functions() {
  std::ifstream list(KEYWARD_TOKEN_FUNCTIONS);
  std::vector<std::string> names;
  for (std::string word; list >> word;) {
    if (word == "#" || word == "only") {
      std::getline(list, word);
    } else {
      names.push_back(word);
    }
  }
  return names;
}

struct Row {
  ReturnValue code;
  bool first_of_its_class;
};

// Every failure of the table and a vendor's own; in the short form the first of each class.
std::vector<Row> codes() {
  std::vector<ReturnValue> all = pkcs11::all_return_values();
  all.push_back(pkcs11::describe(0x80000042));
  std::vector<Row> chosen;
  std::set<RvClass> classes;
  for (const ReturnValue& row : all) {
    if (row.rv_class == RvClass::Success) continue;
    const bool first = classes.insert(row.rv_class).second;
    if (first || is_long_form()) chosen.push_back({row, first});
  }
  return chosen;
}

// The service takes a key out of service that the token will never work with, and may put it back
// later or at a restart; all else must pass, on the slowest machine.
Clock::duration patience_for(const ReturnValue& code) {
  return std::chrono::seconds(code.rv_class == RvClass::Fixed ? 4 : 120);
}

std::string number_of(const ReturnValue& code) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%lx", code.value);
  return text;
}

// The function fails once, in a door that is new; fails for a while, in doors that were there; and
// then no more. True: the service is well again without a restart.
bool survive(Bench& at, const std::string& function, const Row& row, Tally& tally) {
  const std::string pair = function + " " + std::string(row.code.name);
  const std::string rule = "fail " + function;
  const Excuse excuse{row.code.code};
  core::KeyService there(*at.fixture.backend);
  for (const char* const moment : {"", " after"}) {
    if (*moment != '\0' && !(is_long_form() && row.first_of_its_class)) continue;
    at.ledger.enter(pair + " once" + moment);
    at.fixture.hsm.clear();
    at.fixture.hsm.rules(rule + " 1 " + number_of(row.code) + moment);
    core::KeyService fresh(*at.fixture.backend);
    at.first.run(fresh, excuse);
    at.first.change(fresh, excuse);
    if (at.fixture.hsm.count(function) == 0 && function != "C_CloseSession") {
      at.ledger.breach("was never called");
    }
    ++tally.injected;
  }
  at.ledger.enter(pair + " for a while");
  at.fixture.hsm.clear();
  at.fixture.hsm.rules(rule + " * " + number_of(row.code));
  at.run(*at.fixture.door, there, excuse);
  ++tally.injected;
  at.ledger.enter(pair + " over");
  at.fixture.hsm.clear();
  return at.recover(*at.fixture.door, there, tally, patience_for(row.code));
}

// What may need a restart: a key that the token said it will never work with, and a latched PIN.
void run_pair(std::unique_ptr<Bench>& bench, const std::string& function, const Row& row,
              Tally& tally) {
  if (survive(*bench, function, row, tally)) {
    ++tally.healed;
    return;
  }
  const RvClass kind = row.code.rv_class;
  if (kind != RvClass::Fixed && kind != RvClass::Latch) {
    bench->ledger.breach("the service did not get well");
  }
  ++(kind == RvClass::Latch ? tally.latched : tally.restarted);
  if (kind == RvClass::Latch) return retire(bench);
  end_bench(bench, tally);
}

// What is asked of the token from its start on fails for good; then the service is started again.
void run_start(std::unique_ptr<Bench>& bench, const std::string& function, const Row& row,
               Tally& tally) {
  const ReturnValue& code = row.code;
  Bench& at = *bench;
  at.ledger.enter(function + " " + std::string(code.name) + " at the start");
  at.fixture.hsm.clear();
  const bool at_the_end = function == "C_Finalize";
  at.fixture.hsm.rules("fail " + function + " * " + number_of(code) + (at_the_end ? " after" : ""));
  at.fixture.close();
  auto opened = at.fixture.try_open();
  if (!at_the_end && at.fixture.hsm.count(function) == 0) at.ledger.breach("was never called");
  if (!opened) ++tally.refused_starts;
  if (!opened && at_the_end) at.ledger.breach("a start failed with C_Finalize");
  ++tally.injected;
  opened = Error(Code::Unavailable, "closed");
  at.fixture.hsm.clear();
  const Result<void> again = at.restart();
  if (!again) {
    const bool latched = code.rv_class == RvClass::Latch;
    tally.latched += latched ? 1 : 0;
    if (!latched) at.ledger.breach("does not start again: " + again.error().detail());
    return retire(bench);
  }
  ++tally.restarted;
  core::KeyService other(*at.fixture.backend);
  if (!at.recover(*at.fixture.door, other, tally)) at.ledger.breach("did not get well");
}

}  // namespace

TEST_CASE("matrix: every function the service calls, times every code", "[matrix]") {
  Tally tally;
  Ledger ledger;
  const std::vector<Row> rows = codes();
  const char* const only = std::getenv("KEYWARD_MATRIX_FUNCTION");
  std::unique_ptr<Bench> bench;
  for (const std::string& function : functions()) {
    if (only != nullptr && function != only) continue;
    tally.functions.insert(function);
    for (const Row& row : rows) {
      if (tally.pairs % kPairsOfABench == 0) end_bench(bench, tally);
      if (!bench) bench = std::make_unique<Bench>(ledger);
      const bool of_the_start = kOfTheStart.contains(function);
      (of_the_start ? run_start : run_pair)(bench, function, row, tally);
      tally.codes.insert(row.code.value);
      ++tally.pairs;
    }
  }
  end_bench(bench, tally);
  print("matrix", tally, ledger);
  CHECK(tally.functions.size() == (only != nullptr ? 1 : 26));
  CHECK(ledger.breaches() == 0);
}

}  // namespace kw::faults
