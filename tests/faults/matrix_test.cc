// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include "pkcs11/return_value.h"
#include "service/audit_verify/verify.h"
#include "tests/faults/load.h"

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
constexpr std::uint64_t kPairsOfABench = 60;

// How long a service may need to be well again, on the slowest machine.
constexpr auto kPatience = std::chrono::seconds(120);

bool is_long_form() { return std::getenv("KEYWARD_MATRIX") != nullptr; }

// The functions are those of the list that token_functions holds the service to.
std::vector<std::string> functions() {
  std::ifstream list(KEYWARD_TOKEN_FUNCTIONS);
  std::vector<std::string> names;
  for (std::string word; list >> word;) {
    if (word == "#") {
      std::getline(list, word);
    } else {
      names.push_back(word);
    }
  }
  return names;
}

// Every failure of the table and a vendor's own; in the short form the first of each class.
std::vector<ReturnValue> codes() {
  std::vector<ReturnValue> all = pkcs11::all_return_values();
  all.push_back(pkcs11::describe(0x80000042));
  std::vector<ReturnValue> chosen;
  std::set<RvClass> classes;
  for (const ReturnValue& row : all) {
    if (row.rv_class == RvClass::Success) continue;
    if (classes.insert(row.rv_class).second || is_long_form()) chosen.push_back(row);
  }
  return chosen;
}

std::string number_of(const ReturnValue& code) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%lx", code.value);
  return text;
}

struct Tally {
  std::set<std::string> functions;
  std::set<unsigned long> codes;
  std::uint64_t pairs = 0;
  std::uint64_t injected = 0;
  std::uint64_t retries = 0;  // recoveries that needed more than one round
  std::uint64_t latched = 0;  // services that an operator would have to let in again
  std::uint64_t refused_starts = 0;
};

// Bench is a service with a load, for some pairs of one function.
struct Bench {
  explicit Bench(Ledger& log) : ledger(log), first(fixture, log, 1), second(fixture, log, 2) {}

  core::DoorFixture fixture;
  Ledger& ledger;
  Load first;
  Load second;

  // Both at once, as executors do. The changes of state have one lane, and so one thread.
  void run(core::KeyService& one, core::KeyService& other, const Excuse& excuse) {
    std::thread beside([&] { second.run(other, excuse); });
    first.run(one, excuse);
    first.change(one, excuse);
    beside.join();
  }

  // The rules are gone: the doors that saw the fault serve again.
  bool recover(core::KeyService& one, core::KeyService& other, Tally& tally) {
    const Deadline end = deadline_in(kPatience);
    for (int tries = 0; !has_passed(end); ++tries) {
      one.maintain();
      if (first.recover(one) && second.recover(other)) {
        tally.retries += tries > 0 ? 1 : 0;
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  // The log is whole and holds each answer.
  void audit() {
    fixture.close();
    const auto verdict = audit_verify::verify(fixture.folder / "audit");
    if (!verdict || verdict->finding != audit_verify::Finding::Good) {
      ledger.breach("the log does not verify: " +
                    (verdict ? verdict->what : verdict.error().detail()));
    }
    ledger.compare(fixture.records());
  }
};

Excuse excuse_of(const std::string& function, const ReturnValue& code, bool once) {
  const bool ambiguous = code.rv_class == RvClass::Caller || code.name == "CKR_GENERAL_ERROR" ||
                         code.name == "CKR_FUNCTION_FAILED";
  return {.code = code.code, .on_decrypt = once && ambiguous && function == "C_Decrypt"};
}

// Its log is read to the end first.
void retire(std::unique_ptr<Bench>& bench) {
  bench->audit();
  bench = nullptr;
}

// The function fails once, in doors that are new; fails for a while, in doors that were there; and
// then no more.
void run_pair(std::unique_ptr<Bench>& bench, const std::string& function, const ReturnValue& code,
              Tally& tally) {
  Bench& at = *bench;
  core::KeyService there(*at.fixture.backend);
  for (const char* const moment : {"", " after"}) {
    if (*moment != '\0' && !is_long_form()) continue;
    at.ledger.enter(function + " " + std::string(code.name) + " once" + moment);
    at.fixture.hsm.clear();
    at.fixture.hsm.rules("fail " + function + " 1 " + number_of(code) + moment);
    {
      core::KeyService one(*at.fixture.backend);
      core::KeyService other(*at.fixture.backend);
      at.run(one, other, excuse_of(function, code, true));
    }
    if (at.fixture.hsm.count(function) == 0) at.ledger.breach("was never called");
    ++tally.injected;
  }
  at.ledger.enter(function + " " + std::string(code.name) + " for a while");
  at.fixture.hsm.clear();
  at.fixture.hsm.rules("fail " + function + " * " + number_of(code));
  at.run(*at.fixture.door, there, excuse_of(function, code, false));
  ++tally.injected;
  at.ledger.enter(function + " " + std::string(code.name) + " over");
  at.fixture.hsm.clear();
  if (at.recover(*at.fixture.door, there, tally)) return;
  if (code.rv_class == RvClass::Latch) {
    ++tally.latched;
  } else {
    at.ledger.breach("the service did not get well");
  }
}

// What is asked of the token from its start on fails for good; then the service is started again.
void run_start(std::unique_ptr<Bench>& bench, const std::string& function, const ReturnValue& code,
               Tally& tally) {
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
  auto again = at.fixture.try_open();
  if (!again && code.rv_class == RvClass::Latch) {
    ++tally.latched;
    return retire(bench);
  }
  if (!again) {
    at.ledger.breach("does not start again: " + again.error().detail());
    return retire(bench);
  }
  at.fixture.backend = std::move(again).value();
  at.fixture.door = std::make_unique<core::KeyService>(*at.fixture.backend);
  core::KeyService other(*at.fixture.backend);
  if (!at.recover(*at.fixture.door, other, tally)) at.ledger.breach("did not get well");
}

// The service that saw all those faults stops and starts again: nothing is lost, nothing is left.
void end_bench(std::unique_ptr<Bench>& bench, Tally& tally) {
  if (!bench) return;
  bench->ledger.enter("after a restart");
  bench->audit();
  auto opened = bench->fixture.try_open();
  if (!opened) {
    bench->ledger.breach("does not start: " + opened.error().detail());
    return retire(bench);
  }
  bench->fixture.backend = std::move(opened).value();
  bench->fixture.door = std::make_unique<core::KeyService>(*bench->fixture.backend);
  core::KeyService other(*bench->fixture.backend);
  if (!bench->recover(*bench->fixture.door, other, tally)) bench->ledger.breach("is not well");
  retire(bench);
}

void print(const Tally& tally, const Ledger& ledger) {
  std::cout << "matrix: " << tally.functions.size() << " functions, " << tally.codes.size()
            << " codes, " << tally.pairs << " pairs, " << tally.injected << " faults, "
            << ledger.asked() << " requests\n";
  for (const auto& [outcome, count] : ledger.outcomes()) {
    std::cout << "  " << outcome << ": " << count << "\n";
  }
  std::cout << "  starts refused: " << tally.refused_starts
            << ", recoveries that took more than one round: " << tally.retries
            << ", latched: " << tally.latched << ", breaches: " << ledger.breaches() << "\n";
  for (const std::string& text : ledger.texts()) std::cout << "  ! " << text << "\n";
  std::cout << std::flush;
}

}  // namespace

TEST_CASE("matrix: every function the service calls, times every code", "[matrix]") {
  Tally tally;
  Ledger ledger;
  const std::vector<ReturnValue> rows = codes();
  const char* const only = std::getenv("KEYWARD_MATRIX_FUNCTION");
  std::unique_ptr<Bench> bench;
  for (const std::string& function : functions()) {
    if (only != nullptr && function != only) continue;
    tally.functions.insert(function);
    for (const ReturnValue& code : rows) {
      if (tally.pairs % kPairsOfABench == 0) end_bench(bench, tally);
      if (!bench) bench = std::make_unique<Bench>(ledger);
      const bool of_the_start = kOfTheStart.contains(function);
      (of_the_start ? run_start : run_pair)(bench, function, code, tally);
      tally.codes.insert(code.value);
      ++tally.pairs;
    }
  }
  end_bench(bench, tally);
  print(tally, ledger);
  CHECK(tally.functions.size() == (only != nullptr ? 1 : 24));
  CHECK(ledger.breaches() == 0);
}

}  // namespace kw::faults
