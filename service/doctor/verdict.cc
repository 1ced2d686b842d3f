// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "service/doctor/parallel.h"
#include "service/doctor/report.h"

namespace kw::doctor {
namespace {

using token_profile::Verdict;

const AttackResult* find(const Report& report, std::string_view id) {
  const auto found = std::ranges::find(report.attacks, id, &AttackResult::id);
  return found == report.attacks.end() ? nullptr : &*found;
}

bool works_on_careless(const Report& report, std::string_view id) {
  const AttackResult* const attack = find(report, id);
  return attack != nullptr && attack->careless.fate == Fate::Succeeds;
}

// The ids of attacks that succeed on keyward's own keys, by who should have defeated them.
std::string on_ours(const Report& report, Defence defence) {
  std::string ids;
  for (const AttackResult& attack : report.attacks) {
    if (attack.defence != defence || attack.ours.fate != Fate::Succeeds) continue;
    ids += (ids.empty() ? "" : ", ") + attack.title + " (" + attack.id + ")";
  }
  return ids;
}

// The ids of attacks for which the token has no keys, a careless program's or keyward's.
std::string not_tried(const Report& report) {
  std::string ids;
  for (const AttackResult& attack : report.attacks) {
    if (attack.careless.fate != Fate::Untried || attack.ours.fate != Fate::Untried) continue;
    ids += (ids.empty() ? "" : ", ") + attack.id;
  }
  return ids;
}

std::string on_careless_alone(const Report& report) {
  std::string ids;
  for (const AttackResult& attack : report.attacks) {
    if (attack.careless.fate != Fate::Succeeds || attack.ours.fate == Fate::Succeeds) continue;
    ids += (ids.empty() ? "" : ", ") + attack.id;
  }
  return ids;
}

bool is_offered(const AlgorithmResult& result) { return result.offer.offered(); }

// What no configuration can mend.
std::vector<std::string> unfit_reasons(const Report& report) {
  std::vector<std::string> reasons;
  if (works_on_careless(report, "A8")) {
    reasons.emplace_back("it gives keys away that are marked as not extractable: " +
                         find(report, "A8")->careless.detail);
  }
  if (works_on_careless(report, "A3")) {
    reasons.emplace_back("a sensitive key does not stay one: " +
                         find(report, "A3")->careless.detail);
  }
  const std::string broken = on_ours(report, Defence::Token);
  if (!broken.empty()) reasons.emplace_back("keyward's own keys do not withstand: " + broken);
  if (std::ranges::none_of(report.algorithms, is_offered)) {
    reasons.emplace_back("it can make none of keyward's keys as they must be" +
                         (report.own_keys.empty() ? std::string() : ": " + report.own_keys));
  }
  return reasons;
}

// Known of a product and not to be seen from a session.
void add_known(const Report& report, std::vector<std::string>& reasons) {
  if (report.identity.library_manufacturer != "SoftHSM") return;
  reasons.emplace_back(
      "known of SoftHSM: attributes in its files are not authenticated, so who can write the files "
      "can make a key readable (keyward compares them at start and every 60 s)");
}

std::vector<std::string> tests_only_reasons(const Report& report) {
  std::vector<std::string> reasons;
  if (report.keys_in_memory == Fact::Yes) {
    reasons.emplace_back("it is software: " + report.memory_detail);
  }
  add_known(report, reasons);
  return reasons;
}

// True of every token like it, and good to know.
void add_notes(const Report& report, std::vector<std::string>& reasons) {
  if (report.keys_in_memory == Fact::Untried) {
    reasons.emplace_back("whether keys lie in this process's memory could not be tried: " +
                         report.memory_detail);
  }
  const std::string untried = not_tried(report);
  if (!untried.empty()) {
    reasons.emplace_back("attacks that could not be tried, for want of such keys: " + untried);
  }
  const std::string careless = on_careless_alone(report);
  if (!careless.empty()) {
    reasons.emplace_back("attacks that succeed on keys made without keyward's templates: " +
                         careless);
  }
  const std::string holder = on_ours(report, Defence::Keyward);
  if (!holder.empty()) {
    reasons.emplace_back("who holds the PIN can do beside keyward what keyward never does: " +
                         holder);
  }
}

}  // namespace

void judge(Report& report) {
  report.reasons = unfit_reasons(report);
  report.verdict = Verdict::Unfit;
  if (!report.reasons.empty()) return;
  report.reasons = tests_only_reasons(report);
  report.verdict = report.reasons.empty() ? Verdict::Production : Verdict::TestsOnly;
  add_notes(report, report.reasons);
}

token_profile::TokenProfile to_profile(const Report& report) {
  token_profile::TokenProfile profile;
  profile.identity = report.identity;
  profile.verdict = report.verdict;
  profile.reasons = report.reasons;
  profile.symmetric = best_of(report, true);
  profile.asymmetric = best_of(report, false);
  for (const AlgorithmResult& each : report.algorithms) {
    profile.algorithms.emplace(each.name, each.offer);
  }
  for (const AlgorithmResult& each : report.suites) profile.suites.emplace(each.name, each.offer);
  return profile;
}

}  // namespace kw::doctor
