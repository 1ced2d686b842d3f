// SPDX-License-Identifier: Apache-2.0
#include "shim/rules.h"

#include "pkcs11/cryptoki.h"
#include "tests/support/expect.h"

namespace kw::shim {
namespace {

Rule only_rule(const std::string& text) {
  ParsedRules parsed = parse_rules(text);
  INFO(text << ": " << parsed.problem);
  REQUIRE(parsed.rules.size() == 1);
  return parsed.rules.front();
}

}  // namespace

TEST_CASE("rules: name a call, when, and what then", "[shim]") {
  const auto parsed = parse_rules(
      "fail C_Encrypt 3 CKR_DEVICE_ERROR  # the third\ndelay C_Sign */2 200ms; hang C_Decrypt *\n"
      "\n# nothing; here\n;;\nfail C_Sign 1 0x80000002 after");
  CHECK(parsed.problem.empty());
  REQUIRE(parsed.rules.size() == 4);
  CHECK(parsed.rules[0].rv == CKR_DEVICE_ERROR);
  CHECK(parsed.rules[0].moment == Moment::Before);
  CHECK(parsed.rules[1].duration->count() == 200);
  CHECK(parsed.rules[2].action == Action::Hang);
  CHECK(parsed.rules[2].function == kC_Decrypt);
  CHECK(parsed.rules[3].rv == 0x80000002);
  CHECK(parsed.rules[3].moment == Moment::After);
}

TEST_CASE("rules: each verb reads its arguments", "[shim]") {
  CHECK(only_rule("flip C_Sign 1").position == 0);
  CHECK(only_rule("flip C_Sign 1 -3").position == -3);
  CHECK(only_rule("length C_Sign 1 +2").resize == Resize::Add);
  CHECK(only_rule("length C_Sign 1 -2").resize == Resize::Subtract);
  CHECK(only_rule("length C_FindObjects * =0").resize == Resize::Set);
  CHECK(only_rule("exit C_Sign 1 after").status == 1);
  CHECK(only_rule("exit C_Sign 1 before 70").status == 70);
  CHECK(only_rule("kill C_Sign 1 after").moment == Moment::After);
  CHECK(only_rule("lose-sessions C_Sign 1").action == Action::LoseSessions);
  CHECK_FALSE(only_rule("lose-token C_Sign 1").duration);
  CHECK(only_rule("lose-token C_Sign 1 50ms").duration->count() == 50);
  CHECK(only_rule("lock-pin 3").number == 3);
  CHECK(only_rule("lock-pin 3 /tmp/tries").file == "/tmp/tries");
  CHECK(only_rule("mask CKM_AES_ECB_ENCRYPT_DATA").number == CKM_AES_ECB_ENCRYPT_DATA);
  CHECK(only_rule("mask 0x1104").number == CKM_AES_ECB_ENCRYPT_DATA);
  CHECK(only_rule("mask 0").number == CKM_RSA_PKCS_KEY_PAIR_GEN);
}

TEST_CASE("rules: what is none is refused with its line and the reason", "[shim]") {
  struct Bad {
    const char* text;
    const char* reason;
  };
  const Bad bad = GENERATE(
      Bad{"break C_Sign 1", "'break' is no rule"}, Bad{"fail", "the form is: fail FUNCTION WHEN"},
      Bad{"fail C_Encrypt 3", "the form is: fail FUNCTION WHEN CKR [after]"},
      Bad{"fail C_Encrypt 0 CKR_DEVICE_ERROR", "'0' says no call"},
      Bad{"fail C_Encrypt x CKR_DEVICE_ERROR", "'x' says no call"},
      Bad{"fail C_Sign */0 CKR_CANCEL", "'*/0' says no call"},
      Bad{"fail C_Sign *2 CKR_CANCEL", "'*2' says no call"},
      Bad{"fail C_Encrypt 1 CKR_NONE", "'CKR_NONE' is no failure"},
      Bad{"fail C_Sign 1 CKR_OK", "'CKR_OK' is no failure"},
      Bad{"fail C_Sign 1 CKR_CANCEL later", "'later' is neither before nor after"},
      Bad{"fail Encrypt 1 CKR_DEVICE_ERROR", "'Encrypt' is no PKCS#11 function"},
      Bad{"delay C_Sign 1 200", "'200' is no duration"},
      Bad{"delay C_Sign 1 ms", "'ms' is no duration"},
      Bad{"delay C_Sign 1 99999999999ms", "is no duration"},
      Bad{"hang C_Sign", "the form is: hang FUNCTION WHEN"},
      Bad{"hang C_Sign 1 x", "the form is: hang"}, Bad{"flip C_Login 1", "C_Login gives no bytes"},
      Bad{"flip C_FindObjects 1", "C_FindObjects gives no bytes"},
      Bad{"flip C_Sign 1 x", "'x' is no position"},
      Bad{"length C_GenerateRandom 1 -1", "C_GenerateRandom gives no length"},
      Bad{"length C_Sign 1 1", "'1' is no change of a length"},
      Bad{"length C_Sign 1 -", "'-' is no change of a length"},
      Bad{"exit C_Sign 1", "the form is: exit"},
      Bad{"exit C_Sign 1 after 256", "'256' is no exit status"},
      Bad{"kill C_Sign 1 now", "'now' is neither before nor after"},
      Bad{"lose-token C_Sign 1 soon", "'soon' is no duration"},
      Bad{"lose-sessions", "the form is: lose-sessions"}, Bad{"lock-pin 0", "no number of tries"},
      Bad{"lock-pin", "the form is: lock-pin TRIES [FILE]"},
      Bad{"mask CKM_NONE", "'CKM_NONE' is no mechanism"}, Bad{"mask", "the form is: mask"});
  INFO(bad.text);
  const ParsedRules parsed = parse_rules("hang C_Sign 1\n" + std::string(bad.text));
  CHECK(parsed.rules.empty());
  CHECK(parsed.bad_line == 2);
  INFO(parsed.problem);
  CHECK(parsed.problem.find(bad.reason) != std::string::npos);
}

TEST_CASE("rules: one counts its own calls", "[shim]") {
  const auto pattern = [](const std::string& when) {
    Rule rule = only_rule("fail C_Sign " + when + " CKR_CANCEL");
    std::string seen;
    for (int i = 0; i < 6; ++i) seen += rule.applies() ? 'x' : '.';
    return seen;
  };
  CHECK(pattern("3") == "..x...");
  CHECK(pattern("*") == "xxxxxx");
  CHECK(pattern("*/2") == ".x.x.x");
}

}  // namespace kw::shim
