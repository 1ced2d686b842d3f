// SPDX-License-Identifier: Apache-2.0
// The report as people read it.
#include <algorithm>
#include <cstdio>

#include "service/doctor/parallel.h"
#include "service/doctor/report.h"

namespace kw::doctor {
namespace {

using token_profile::Verdict;

constexpr std::size_t kWidth = 100;

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  if (out.size() < width) out.append(width - out.size(), ' ');
  return out;
}

// Breaks at blanks; lines after the first are indented.
std::string filled(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    if (column != indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column != indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  }
  return out + "\n";
}

std::string head_of(const Report& report) {
  const token_profile::Identity& identity = report.identity;
  return "token    " + identity.label + ", " + identity.model + " of " + identity.manufacturer +
         ", serial " + identity.serial + "\nlibrary  " + identity.library_description + ", " +
         identity.library_manufacturer + " " + identity.library_version + "\n" +
         (report.swept == 0 ? std::string()
                            : "removed  " + std::to_string(report.swept) +
                                  " scratch objects that an earlier doctor had left\n");
}

// "yes" in one paragraph, "no" a line each: what is missing is what matters.
std::string offers_of(const std::vector<AlgorithmResult>& results, const char* prefix) {
  std::string yes;
  std::string no;
  for (const AlgorithmResult& each : results) {
    if (each.offer.offered()) {
      yes += (yes.empty() ? "" : ", ") + std::string(prefix) + each.name;
    } else {
      no += "  no   " + padded(prefix + each.name, 24) + filled(*each.offer.refused, 31);
    }
  }
  return (yes.empty() ? std::string() : "  yes  " + filled(yes, 7)) + no;
}

std::string features_of(const Report& report) {
  std::string yes;
  std::string no;
  for (const Feature& each : report.features) {
    if (each.works == Fact::Yes) {
      yes += (yes.empty() ? "" : ", ") + each.title;
    } else {
      no += std::string("  ") + (each.works == Fact::No ? "no   " : "?    ") +
            padded(each.title, 36) + filled(each.detail, 43);
    }
  }
  return (yes.empty() ? std::string() : "  yes  " + filled(yes, 7)) + no;
}

const char* word_of(const Trial& trial, bool is_keywards_own) {
  switch (trial.fate) {
    case Fate::Refused:
      return "refused";
    case Fate::Succeeds:
      return is_keywards_own ? "never asked" : "SUCCEEDS";
    case Fate::Untried:
      return "-";
  }
  return "";
}

// The more telling of the two: what succeeded, or how keyward's key was refused.
std::string telling(const AttackResult& attack) {
  if (attack.ours.fate == Fate::Succeeds) return attack.ours.detail;
  if (attack.careless.fate == Fate::Succeeds) return attack.careless.detail;
  return attack.ours.fate == Fate::Refused ? attack.ours.detail : attack.careless.detail;
}

std::string attacks_of(const Report& report) {
  std::string lines = "       " + padded("", 48) + padded("careless", 10) + "keyward's key\n";
  for (const AttackResult& each : report.attacks) {
    const bool own = each.defence == Defence::Keyward;
    lines += "  " + padded(each.id, 5) + padded(each.title, 48) +
             padded(word_of(each.careless, false), 10) + word_of(each.ours, own) + "\n";
    lines += "         " + filled(telling(each), 9);
  }
  return lines;
}

std::string quirks_of(const Report& report) {
  std::string lines;
  for (const Quirk& each : report.quirks) {
    lines += "  " + padded(each.title, 38) + filled(each.finding, 40);
  }
  return lines;
}

std::string parallels_of(const Report& report) {
  if (report.parallels.empty()) return "  nothing that keyward calls could be measured\n";
  std::string lines = "                 calls/s  2 threads  4 threads  best\n";
  for (const Parallel& each : report.parallels) {
    const double one = each.per_second[0] > 0 ? each.per_second[0] : 1;
    char line[128];
    std::snprintf(line, sizeof line, "  %-13s %9.0f    x %5.2f    x %5.2f  %4u\n",
                  each.call.c_str(), each.per_second[0], each.per_second[1] / one,
                  each.per_second[2] / one, each.best);
    lines += line;
  }
  if (report.business.empty()) return lines;
  return lines + "  " + filled(report.business + ": measure again when it is calm", 2);
}

std::string sentence_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Production:
      return "fit for production";
    case Verdict::TestsOnly:
      return "fit for development and tests only";
    case Verdict::Unfit:
      return "UNFIT";
  }
  return {};
}

std::string verdict_of(const Report& report) {
  std::string lines = "verdict: " + sentence_of(report.verdict) + "\n";
  for (const std::string& reason : report.reasons) lines += "  - " + filled(reason, 4);
  return lines;
}

}  // namespace

std::string to_table(const Report& report) {
  return head_of(report) + "\nwhat keyward can offer\n" + offers_of(report.algorithms, "") +
         offers_of(report.suites, "suite ") + "\nwhat the token can do\n" + features_of(report) +
         "\nattacks\n" + attacks_of(report) + "\nhow it behaves\n" + quirks_of(report) +
         "\nat once\n" + parallels_of(report) + "\n" + verdict_of(report);
}

}  // namespace kw::doctor
