// SPDX-License-Identifier: Apache-2.0
// `keyward doctor` as an operator runs it, and what `keyward serve` makes of its profile.
#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// It makes RSA keys of 4096 bits, which a busy machine takes minutes for.
constexpr int kPatience = 1200;

// A sandbox whose server is not there, with its token to examine.
struct Patient {
  Patient() { sandbox.stop(); }

  Outcome doctor(std::vector<std::string> words) {
    words.insert(words.begin(), {keyward(), "doctor"});
    words.insert(words.end(), {"--seconds", "0.003"});
    return run(words, {}, {}, kPatience);
  }

  Outcome with_profile() {
    return doctor(
        {"--config", sandbox.path("keyward.yaml"), "--profile", sandbox.path("token.profile")});
  }

  void use_profile() {
    sandbox.edit("keyward.yaml", "token:\n", "token:\n  profile: token.profile\n");
  }

  Outcome check() {
    return run({keyward(), "serve", "--check", "--config", sandbox.path("keyward.yaml")});
  }

  Sandbox sandbox;
};

}  // namespace

TEST_CASE("doctor: examines the token of a configuration", "[whole][doctor]") {
  Patient patient;
  const Outcome table = patient.doctor({"--config", patient.sandbox.path("keyward.yaml")});
  INFO(table.out << table.err);
  CHECK(table.exit == 0);
  CHECK(table.err.empty());
  CHECK(table.out.find("verdict: fit for development and tests only") != std::string::npos);
  const Outcome report =
      patient.doctor({"--config", patient.sandbox.path("keyward.yaml"), "--json"});
  CHECK(json::parse(report.out).at("verdict") == "tests-only");
}

TEST_CASE("doctor: serve goes by the profile", "[whole][doctor]") {
  Patient patient;
  REQUIRE(patient.with_profile().exit == 0);
  patient.use_profile();
  CHECK(patient.check().exit == 0);
  patient.sandbox.edit("token.profile", "  ed25519: {offered: true}",
                       "  ed25519: {offered: false, reason: \"so it is\"}");
  patient.sandbox.serve();
  CHECK(patient.sandbox.says("the token is fit for tests only"));
  const Outcome refused =
      patient.sandbox.keyward("admin", {"key", "create", "doctor/ed", "--algorithm", "ed25519"});
  CHECK(refused.exit == 1);
  CHECK(refused.err.find("so it is") != std::string::npos);
  patient.sandbox.make_key("doctor/wrap");
  CHECK(patient.sandbox.stop() == 0);
}

TEST_CASE("doctor: serve refuses a profile that does not fit", "[whole][doctor]") {
  struct Misfit {
    const char* from;
    const char* to;
    const char* complaint;
  };
  Patient patient;
  REQUIRE(patient.with_profile().exit == 0);
  patient.use_profile();
  const std::string good = REQUIRE_OK(read_file(patient.sandbox / "token.profile"));
  for (const Misfit& misfit :
       {Misfit{"serial: \"", "serial: \"x", "the token's profile is of another token: serial"},
        Misfit{"verdict: tests-only", "verdict: unfit", "unfit"},
        Misfit{"verdict:", "verdikt:", "token.profile: line "}}) {
    patient.sandbox.write("token.profile", good);
    patient.sandbox.edit("token.profile", misfit.from, misfit.to);
    const Outcome check = patient.check();
    INFO(check.err);
    CHECK(check.exit == 1);
    CHECK(check.err.find(misfit.complaint) != std::string::npos);
  }
}

TEST_CASE("doctor: a wrong PIN is an error and no report", "[whole][doctor]") {
  Patient patient;
  const Outcome refused = run(
      {keyward(), "doctor", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token", "keyward"},
      {{"SOFTHSM2_CONF", patient.sandbox.path("token/softhsm2.conf")},
       {"KEYWARD_PIN", "not-this-one"}});
  CHECK(refused.exit == 1);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("CKR_PIN_INCORRECT") != std::string::npos);
}

TEST_CASE("doctor: options that do not go together are usage errors", "[whole][doctor]") {
  const auto words = GENERATE(
      values<std::vector<std::string>>({{},
                                        {"--module", "m.so"},
                                        {"--token", "t"},
                                        {"--config", "c", "--module", "m.so"},
                                        {"--config", "c", "--pin", "env:X"},
                                        {"--config", "c", "--seconds", "0"},
                                        {"--config", "c", "--seconds", "soon"},
                                        {"--module", "m.so", "--token", "t", "--pin", "1234"}}));
  std::vector<std::string> all = {keyward(), "doctor"};
  all.insert(all.end(), words.begin(), words.end());
  const Outcome outcome = run(all);
  INFO(outcome.err);
  CHECK(outcome.exit == 2);
  CHECK(outcome.err.find("1234") == std::string::npos);
}

}  // namespace kw::whole
