// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/doctor.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "pkcs11/token_folder.h"
#include "pkcs11/uri.h"
#include "service/doctor/attack.h"
#include "service/doctor/features.h"
#include "service/doctor/memory_scan.h"
#include "service/doctor/parallel.h"
#include "service/doctor/quirks.h"

namespace kw::doctor {
namespace {

using Progress = std::function<void(const std::string&)>;

// HeldSignals keeps what would end the program waiting, so that the lab is cleared first.
class HeldSignals {
 public:
  HeldSignals() {
    ::sigemptyset(&held_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&held_, signal);
    ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() {
    const timespec at_once{};
    while (::sigtimedwait(&held_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  Result<void> check() const {
    sigset_t pending;
    ::sigpending(&pending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      if (::sigismember(&pending, signal) == 1) {
        return Error(Code::Aborted, "stopped; its scratch keys are removed");
      }
    }
    return {};
  }

 private:
  sigset_t held_;
  sigset_t before_;
};

Result<std::unique_ptr<pkcs11::Token>> log_in(const Options& options) {
  const pkcs11::TokenUri uri = TRY(pkcs11::TokenUri::parse(options.token_uri));
  std::optional<pkcs11::TokenFolder> guard;
  if (options.token_directory) guard = TRY(pkcs11::TokenFolder::guard(*options.token_directory));
  auto module = TRY(pkcs11::Module::load(options.module, options.parameters));
  return pkcs11::Token::open(std::move(module), uri, options.pin);
}

// "A5b" is 5.
int number_of(const AttackResult& attack) {
  int number = 0;
  std::from_chars(attack.id.data() + 1, attack.id.data() + attack.id.size(), number);
  return number;
}

void probe_attacks(Lab& lab, Report& report, const std::function<Result<void>()>& go_on) {
  for (const auto& list : {attacks_on_keys(), attacks_on_use()}) {
    for (const Attack& attack : list) {
      if (!go_on()) return;
      report.attacks.push_back(run(attack, lab));
    }
  }
  std::ranges::stable_sort(report.attacks, {}, number_of);
}

Result<void> probe_all(Lab& lab, Report& report, const Options& options, const Progress& progress,
                       const HeldSignals& signals) {
  const auto go_on = [&] { return signals.check(); };
  progress("making each of keyward's keys");
  report.algorithms = TRY(probe_algorithms(lab, go_on));
  progress("asking for known answers");
  report.features = probe_features(lab, go_on);
  TRY(go_on());
  report.suites = judge_suites(report.algorithms);
  progress("attacking");
  probe_attacks(lab, report, go_on);
  report.own_keys = lab.differences();
  progress("looking at how it behaves");
  report.quirks = probe_quirks(lab, go_on);
  progress("looking for keys in memory");
  MemoryFinding memory = look_for_keys(lab);
  report.keys_in_memory = memory.found;
  report.memory_detail = std::move(memory.detail);
  progress("measuring");
  report.business = business();
  report.parallels = TRY(measure_parallel(lab, options.slice, go_on));
  return go_on();
}

Result<void> probe(pkcs11::Token& token, Report& report, const Options& options,
                   const Progress& progress, const HeldSignals& signals) {
  Lab lab(token);
  report.swept = TRY(lab.sweep());
  return probe_all(lab, report, options, progress, signals);
}

// A module may hold a key in use after a failed operation, until it is loaded anew (tpm2-pkcs11 1.9
// does): the PIN was right once, so it is tried once more.
Result<void> clear(std::unique_ptr<pkcs11::Token> token, const Options& options) {
  if (Lab(*token).sweep()) return {};
  token = nullptr;
  token = TRY(log_in(options));
  TRY(Lab(*token).sweep());
  return {};
}

}  // namespace

Result<Report> examine(Options options, const Progress& progress) {
  const HeldSignals signals;
  std::unique_ptr<pkcs11::Token> token = TRY(log_in(options));
  Report report;
  report.identity = token_profile::identity_of(token->identity(), token->module().identity());
  const Result<void> probed = probe(*token, report, options, progress, signals);
  const Result<void> cleared = clear(std::move(token), options);
  options.pin = Secret();
  TRY(Result<void>(probed));
  TRY(Result<void>(cleared));
  judge(report);
  return report;
}

}  // namespace kw::doctor
