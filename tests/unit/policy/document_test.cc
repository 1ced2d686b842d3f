// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"
#include "tests/support/expect.h"

namespace kw::policy {
namespace {

constexpr std::string_view kHead =
    "version: keyward-policy/1\n"
    "principals:\n"
    "  app: {dns: app.example}\n";

std::string failure_of(const std::string& text) {
  const auto policy = Policy::parse(text);
  if (policy) return "";
  CHECK(policy.error().code() == Code::InvalidArgument);
  CHECK(policy.error().advice() == policy.error().detail());
  return policy.error().detail();
}

std::string rule_failure(const std::string& rule) {
  return failure_of(std::string(kHead) + "rules:\n- " + rule + "\n");
}

std::string principal_failure(const std::string& matcher) {
  return failure_of("version: keyward-policy/1\nprincipals:\n  p: " + matcher + "\nrules: []\n");
}

Result<void> tests_of(const std::string& rest) {
  return REQUIRE_OK(Policy::parse(std::string(kHead) + rest))->run_tests();
}

}  // namespace

TEST_CASE("document: refuses a text that is no policy", "[policy][document]") {
  CHECK(failure_of("") != "");
  CHECK(failure_of("[]") != "");
  CHECK(failure_of("rules: []\n").find("'version' is missing") != std::string::npos);
  CHECK(failure_of("version: keyward-policy/2\nrules: []\n").starts_with("line 1, column 10: "));
  CHECK(failure_of("version: keyward-policy/1\n").find("'rules' is missing") != std::string::npos);
  CHECK(failure_of("version: keyward-policy/1\nrules: []\nrule: []\n")
            .starts_with("line 3, column 1: "));
  CHECK(failure_of("version: keyward-policy/1\nrules: [\n") != "");
}

TEST_CASE("document: says where a rule is wrong", "[policy][document]") {
  struct Row {
    const char* rule;
    const char* failure;
  };
  const Row row = GENERATE(values<Row>({
      {"{allow: [wrap], to: [app], keys: [k]}", "line 5, column 3: 'id' is missing"},
      {"{id: R, allow: [wrap], to: [app], keys: [k]}", "line 5, column 8: a name is"},
      {"{id: r, to: [app], keys: [k]}", "line 5, column 3: a rule has either"},
      {"{id: r, allow: [wrap], deny: [wrap], to: [app], keys: [k]}",
       "line 5, column 3: a rule has"},
      {"{id: r, allow: [wrapp], to: [app], keys: [k]}",
       "line 5, column 19: 'wrapp' is no operation"},
      {"{id: r, allow: [], to: [app], keys: [k]}", "line 5, column 18: must not be an empty list"},
      {"{id: r, allow: wrap, to: [app], keys: [k]}", "line 5, column 18: must be a list"},
      {"{id: r, allow: [wrap], keys: [k]}", "line 5, column 3: 'to' is missing"},
      {"{id: r, allow: [wrap], to: [ap], keys: [k]}", "line 5, column 31: no principal is named"},
      {"{id: r, allow: [wrap], to: [app]}", "line 5, column 3: 'keys' is missing"},
      {"{id: r, allow: [wrap], to: [app], keys: []}",
       "line 5, column 43: must not be an empty list"},
      {"{id: r, allow: [wrap], to: [app], keys: ['**/a']}", "line 5, column 44: pattern '**/a'"},
      {"{id: r, allow: [wrap], to: [app], keys: ['a*b']}", "line 5, column 44: pattern"},
      {"{id: r, allow: [wrap], to: [app], keys: ['A']}", "line 5, column 44: pattern"},
      {"{id: r, allow: [wrap], to: [app], keys: ['a//b']}", "line 5, column 44: pattern"},
      {"{id: r, allow: [wrap], to: [app], keys: ['a/b/c/d/e/f/g/h/i']}",
       "line 5, column 44: pattern"},
      {"{id: r, allow: [wrap], to: [app], keys: [7]}", "line 5, column 44: must be a string"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], unless: {state: [x]}}",
       "line 5, column 56: 'unless'"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], limits: {requests: 5/s}}",
       "line 5, column 56: 'limits' is not yet supported"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], require: {mfa: x}}",
       "line 5, column 57: 'require' is not yet supported"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], wehn: {}}",
       "line 5, column 48: unknown key 'wehn'"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {}}",
       "line 5, column 54: must not be an empty"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {colour: red}}",
       "line 5, column 55: unknown key"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {context: {a: 7}}}",
       "line 5, column 68: must be a"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {source: [10.0.0.1/8]}}",
       "line 5, column 64: "},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {source: [10.0.0.0/33]}}",
       "line 5, column 64: "},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {source: [host]}}",
       "line 5, column 64: "},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {max_bytes: 4KB}}",
       "line 5, column 66: must be a"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {max_bytes: -1}}",
       "line 5, column 66: must be a"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {time: 'Mon-Fri 08:00-18:00 "
       "Europe/Berlin'}}",
       "line 5, column 61: time 'Mon-Fri 08:00-18:00 Europe/Berlin': only UTC is supported"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {time: 'Mon-Fri 18:00-08:00 UTC'}}",
       "line 5, column 61: time"},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {time: 'Mo 08:00-09:00 UTC'}}",
       "line 5, column 61: "},
      {"{id: r, allow: [wrap], to: [app], keys: [k], when: {time: always}}", "line 5, column 61: "},
  }));
  INFO(row.rule);
  INFO(rule_failure(row.rule));
  CHECK(rule_failure(row.rule).starts_with(row.failure));
}

TEST_CASE("document: refuses two rules of one id", "[policy][document]") {
  CHECK(failure_of(
            std::string(kHead) +
            "rules:\n- {id: r, allow: [random], to: [app]}\n- {id: r, deny: [random], to: [app]}\n")
            .starts_with("line 6, column 3: a second rule"));
}

TEST_CASE("document: refuses caps as not yet supported", "[policy][document]") {
  CHECK(failure_of(std::string(kHead) + "rules: []\ncaps: []\n") ==
        "line 5, column 7: 'caps' are not yet supported");
}

TEST_CASE("document: says where a principal is wrong", "[policy][document]") {
  struct Row {
    const char* matcher;
    const char* failure;
  };
  const Row row = GENERATE(values<Row>({
      {"{}", "line 3, column 6: a principal has exactly one matcher"},
      {"{dns: a.example, subject: CN=a}", "line 3, column 6: a principal has exactly one matcher"},
      {"{dsn: a.example}", "line 3, column 7: unknown key 'dsn'"},
      {"{dns: A.example}", "line 3, column 12: a DNS name"},
      {"{dns: 'a.*.example'}", "line 3, column 12: a DNS name"},
      {"{dns: '*.'}", "line 3, column 12: a DNS name"},
      {"{spki: 'sha256:ab'}", "line 3, column 13: must be 'sha256:'"},
      {"{spiffe: 'https://a/b'}", "line 3, column 15: pattern"},
      {"{spiffe: 'spiffe://*/b'}", "line 3, column 15: pattern"},
      {"{spiffe: 'spiffe://**'}", "line 3, column 15: pattern"},
      {"{spiffe: 'spiffe://a/**/b'}", "line 3, column 15: pattern"},
      {"{spiffe: 'spiffe://a/../b'}", "line 3, column 15: pattern"},
      {"{jwt: {issuer: x}}", "line 3, column 7: 'jwt' identities are not yet supported"},
      {"{unix: 0}", "line 3, column 7: 'unix' identities are not yet supported"},
      {"{api_key: x}", "line 3, column 7: 'api_key' identities are not yet supported"},
      {"{any: [q]}", "line 3, column 13: no principal has this name"},
      {"{any: [p]}", "line 3, column 3: the group holds itself"},
      {"{any: []}", "line 3, column 12: must not be an empty list"},
  }));
  INFO(row.matcher);
  INFO(principal_failure(row.matcher));
  CHECK(principal_failure(row.matcher).starts_with(row.failure));
}

TEST_CASE("document: refuses groups that hold each other", "[policy][document]") {
  CHECK(failure_of("version: keyward-policy/1\nprincipals:\n  a: {any: [b]}\n  b: {all: [c]}\n"
                   "  c: {any: [a]}\nrules: []\n") != "");
}

TEST_CASE("document: passes its own tests", "[policy][tests]") {
  CHECK(tests_of(
            "rules: [{id: r, allow: [wrap], to: [app], keys: [k], when: {context: {t: '?*'}}}]\n"
            "tests:\n"
            "- {as: {dns: app.example}, do: wrap, key: k, context: {t: x}, expect: allow, by: r}\n"
            "- {as: {dns: app.example}, do: wrap, key: k, expect: deny, why: context}\n"
            "- {as: {dns: [x.example]}, do: random, expect: deny}\n")
            .has_value());
}

TEST_CASE("document: names the line of a test that fails", "[policy][tests]") {
  const auto failed = tests_of(
      "rules: [{id: r, allow: [wrap], to: [app], keys: [k], when: {state: [enabled]}}]\n"
      "tests:\n"
      "- {as: {dns: app.example}, do: wrap, key: k, state: enabled, expect: allow}\n"
      "- {as: {dns: app.example}, do: wrap, key: k, state: disabled, expect: allow, by: r}\n");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code() == Code::FailedPrecondition);
  CHECK(failed.error().advice() ==
        "line 7, column 3: the test expects allow by r, found deny; r: state wants [enabled], is "
        "disabled");
}

TEST_CASE("document: a test fails if another rule or reason decides", "[policy][tests]") {
  const std::string rules =
      "rules: [{id: r, allow: [wrap], to: [app], keys: [k]}, {id: s, deny: [wrap], to: [app], "
      "keys: [x]}]\n";
  CHECK_CODE(
      tests_of(rules +
               "tests: [{as: {dns: app.example}, do: wrap, key: k, expect: allow, by: s}]\n"),
      Code::FailedPrecondition);
  CHECK_CODE(
      tests_of(rules +
               "tests: [{as: {dns: app.example}, do: sign, key: k, expect: deny, why: source}]\n"),
      Code::FailedPrecondition);
}

TEST_CASE("document: refuses a test that can mean nothing", "[policy][tests]") {
  for (const auto* const test :
       {"{as: {}, do: wrap, key: k, expect: deny}", "{do: wrap, key: k, expect: deny}",
        "{as: {dns: a}, do: wrap, expect: deny}",
        "{as: {dns: a}, do: random, key: k, expect: deny}",
        "{as: {dns: a}, do: wrapp, key: k, expect: deny}",
        "{as: {dns: a}, do: wrap, key: K, expect: deny}",
        "{as: {dns: a}, do: wrap, key: k, expect: maybe}", "{as: {dns: a}, do: wrap, key: k}",
        "{as: {dns: a}, do: wrap, key: k, expect: deny, by: none}",
        "{as: {dns: a}, do: wrap, key: k, expect: allow, why: source}",
        "{as: {dns: a}, do: wrap, key: k, expect: deny, source: host}",
        "{as: {dns: a}, do: wrap, key: k, expect: deny, time: today}",
        "{as: {spki: x}, do: wrap, key: k, expect: deny}"}) {
    INFO(test);
    CHECK(failure_of(std::string(kHead) + "rules: []\ntests:\n- " + test + "\n")
              .starts_with("line 6, "));
  }
}

TEST_CASE("document: keeps its text with the hash of it", "[policy][document]") {
  const auto policy = REQUIRE_OK(Policy::parse("version: keyward-policy/1\nrules: []\n"));
  CHECK(policy->text() == "version: keyward-policy/1\nrules: []\n");
  // printf 'version: keyward-policy/1\nrules: []\n' | sha256sum
  CHECK(to_hex(policy->hash()) ==
        "bd2ea9d2d802f8c025fd21d6fbecbff5e5a689434528304c6e6831a5be9fbe5b");
}

}  // namespace kw::policy
