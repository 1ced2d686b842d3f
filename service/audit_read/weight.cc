// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/weight.h"

#include <array>
#include <string_view>

namespace kw::audit_read {
namespace {

struct Weighed {
  std::string_view word;
  Weight weight;
};

// Outcomes that are none of these are refusals, events that are none of these are routine.
constexpr std::array<Weighed, 6> kOutcomes = {{{"ok", Weight::Routine},
                                               {"permission_denied", Weight::Denied},
                                               {"unauthenticated", Weight::Denied},
                                               {"unavailable", Weight::Failed},
                                               {"deadline_exceeded", Weight::Failed},
                                               {"internal", Weight::Failed}}};
constexpr std::array<Weighed, 7> kEvents = {{{"unauthenticated requests", Weight::Denied},
                                             {"recovered", Weight::Failed},
                                             {"token lost", Weight::Failed},
                                             {"answers withheld", Weight::Failed},
                                             {"segment abandoned", Weight::Alarm},
                                             {"key quarantined", Weight::Alarm},
                                             {"witness dispute", Weight::Alarm}}};

template <std::size_t kSize>
Weight find_weight(const std::array<Weighed, kSize>& list, std::string_view word, Weight other) {
  for (const Weighed& weighed : list) {
    if (weighed.word == word) return weighed.weight;
  }
  return other;
}

}  // namespace

Weight weight_of(const audit_verify::DecodedRecord& record) noexcept {
  if (const auto* event = record.find("event")) {
    return find_weight(kEvents, event->word, Weight::Routine);
  }
  const auto* outcome = record.find("outcome");
  return outcome == nullptr ? Weight::Routine
                            : find_weight(kOutcomes, outcome->word, Weight::Refused);
}

int cef_severity(Weight weight) noexcept {
  switch (weight) {
    case Weight::Routine:
      return 1;
    case Weight::Refused:
      return 4;
    case Weight::Denied:
      return 6;
    case Weight::Failed:
      return 7;
    case Weight::Alarm:
      return 9;
  }
  return 0;
}

int ocsf_severity(Weight weight) noexcept {
  switch (weight) {
    case Weight::Routine:
      return 1;
    case Weight::Refused:
      return 2;
    case Weight::Denied:
      return 3;
    case Weight::Failed:
      return 4;
    case Weight::Alarm:
      return 5;
  }
  return 0;
}

}  // namespace kw::audit_read
