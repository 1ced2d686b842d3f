// SPDX-License-Identifier: Apache-2.0
// The verdict, from reports that no token at hand gives.
#include <algorithm>

#include "service/doctor/report.h"
#include "tests/support/expect.h"

namespace kw::doctor {
namespace {

using token_profile::Verdict;

Report hardware() {
  Report report;
  report.identity.library_manufacturer = "A vendor";
  report.algorithms = {{"xaes-256-gcm", {}}, {"ed25519", {"the token cannot"}}};
  report.keys_in_memory = Fact::No;
  for (const char* const id : {"A1", "A3", "A8"}) {
    report.attacks.push_back(
        {id, "an attack", Defence::Token, {Fate::Refused, ""}, {Fate::Refused, ""}});
  }
  return report;
}

Verdict verdict_of(Report report) {
  judge(report);
  return report.verdict;
}

}  // namespace

TEST_CASE("verdict: a token that withstands is fit for production", "[doctor][verdict]") {
  Report report = hardware();
  judge(report);
  CHECK(report.verdict == Verdict::Production);
  CHECK(report.reasons.empty());
}

TEST_CASE("verdict: keys in memory make it fit for tests only", "[doctor][verdict]") {
  Report report = hardware();
  report.keys_in_memory = Fact::Yes;
  CHECK(verdict_of(report) == Verdict::TestsOnly);
}

TEST_CASE("verdict: an attack on careless keys alone costs nothing but a note",
          "[doctor][verdict]") {
  Report report = hardware();
  report.attacks[0].careless.fate = Fate::Succeeds;
  judge(report);
  CHECK(report.verdict == Verdict::Production);
  REQUIRE(report.reasons.size() == 1);
  CHECK(report.reasons[0].find("A1") != std::string::npos);
}

TEST_CASE("verdict: an attack on keyward's own keys makes it unfit", "[doctor][verdict]") {
  Report report = hardware();
  report.attacks[0].ours.fate = Fate::Succeeds;
  CHECK(verdict_of(report) == Verdict::Unfit);
}

TEST_CASE("verdict: what keyward never asks makes nothing unfit", "[doctor][verdict]") {
  Report report = hardware();
  report.attacks[0].ours.fate = Fate::Succeeds;
  report.attacks[0].defence = Defence::Keyward;
  CHECK(verdict_of(report) == Verdict::Production);
}

TEST_CASE("verdict: giving a non-extractable key away makes it unfit whatever else",
          "[doctor][verdict]") {
  Report report = hardware();
  report.attacks[2].careless = {Fate::Succeeds, "by AES_KEY_WRAP"};
  judge(report);
  CHECK(report.verdict == Verdict::Unfit);
  CHECK(report.reasons[0].find("not extractable: by AES_KEY_WRAP") != std::string::npos);
}

TEST_CASE("verdict: a token without one of keyward's keys is unfit", "[doctor][verdict]") {
  Report report = hardware();
  report.algorithms[0].offer.refused = "no";
  CHECK(verdict_of(report) == Verdict::Unfit);
}

}  // namespace kw::doctor
