// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/attack.h"

#include <algorithm>

#include "pkcs11/family.h"

namespace kw::doctor {
namespace {

Trial settle(Result<Trial> trial) {
  if (trial) return *std::move(trial);
  return {Fate::Untried, trial.error().detail()};
}

// What a family's keys are known to allow, the service forgoes.
Defence defence_of(const Attack& attack, const Lab& lab) {
  const auto family = pkcs11::family_of(lab.token().module().identity());
  const auto permits = [&](const pkcs11::Deviation& each) {
    return (std::string(each.permits) + " ").find(std::string(attack.id) + " ") !=
           std::string::npos;
  };
  return std::ranges::any_of(pkcs11::deviations(family), permits) ? Defence::Keyward
                                                                  : attack.defence;
}

}  // namespace

AttackResult run(const Attack& attack, Lab& lab) {
  AttackResult result;
  result.id = attack.id;
  result.title = attack.title;
  result.defence = defence_of(attack, lab);
  result.careless = settle(attack.careless(lab));
  result.ours = settle(attack.ours(lab));
  return result;
}

Trial refused(const Answer& answer) { return {Fate::Refused, answer.name()}; }
Trial refused(Trial before, const Answer& answer) {
  const bool tells_little = answer.rv == CKR_MECHANISM_INVALID && before.detail.starts_with("CKR");
  return tells_little ? std::move(before) : refused(answer);
}
Trial refused(std::string how) { return {Fate::Refused, std::move(how)}; }
Trial succeeds(std::string how) { return {Fate::Succeeds, std::move(how)}; }

}  // namespace kw::doctor
