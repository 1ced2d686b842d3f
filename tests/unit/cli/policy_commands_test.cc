// SPDX-License-Identifier: Apache-2.0
#include "call.h"
#include "tests/support/temp_dir.h"

namespace kw::test {
namespace {

constexpr std::string_view kPolicy = R"(version: keyward-policy/1
principals:
  app: {spiffe: "spiffe://keyward.dev/app"}
rules:
  - id: app-wraps
    allow: [wrap]
    to: [app]
    keys: ["app/*"]
    when: {context: {tenant: "?*"}}
tests:
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: wrap, key: app/x, context: {tenant: "7"}, expect: allow, by: app-wraps}
)";

struct PolicyFixture {
  PolicyFixture() { write(std::string(kPolicy)); }
  void write(const std::string& text) { REQUIRE_OK(write_file(folder / "policy.yaml", text)); }
  Outcome run(const std::string& verb, std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"policy", verb, (folder / "policy.yaml").string()});
    return call(words);
  }

  TempDir folder;
};

}  // namespace

TEST_CASE_METHOD(PolicyFixture, "policy check: takes a good file", "[cli][policy]") {
  CHECK(run("check").exit == 0);
}

TEST_CASE_METHOD(PolicyFixture, "policy check: names file, line and column", "[cli][policy]") {
  write("version: keyward-policy/1\nrules:\n  - {id: x, alow: [wrap]}\n");
  const auto outcome = run("check");
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find("policy.yaml: line ") != std::string::npos);
}

TEST_CASE_METHOD(PolicyFixture, "policy test: a test that fails ends with 1", "[cli][policy]") {
  CHECK(run("test").exit == 0);
  std::string text(kPolicy);
  text.replace(text.find("expect: allow, by: app-wraps"), 28, "expect: deny");
  write(text);
  CHECK(run("test").exit == 1);
}

TEST_CASE_METHOD(PolicyFixture, "policy explain: says by which rule", "[cli][policy]") {
  const auto outcome = run("explain", {"--do", "wrap", "--key", "app/x", "--spiffe",
                                       "spiffe://keyward.dev/app", "--context", "tenant=7"});
  CHECK(outcome.exit == 0);
  CHECK(outcome.out.find("allowed by rule app-wraps") != std::string::npos);
}

TEST_CASE_METHOD(PolicyFixture, "policy explain: names the condition that failed",
                 "[cli][policy]") {
  const auto outcome =
      run("explain", {"--do", "wrap", "--key", "app/x", "--spiffe", "spiffe://keyward.dev/app"});
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.find("denied by default") != std::string::npos);
  CHECK(outcome.out.find("context.tenant") != std::string::npos);
}

TEST_CASE_METHOD(PolicyFixture, "policy explain: wants a key where there must be one",
                 "[cli][policy]") {
  CHECK(run("explain", {"--do", "wrap"}).exit == 2);
  CHECK(run("who-can", {"--do", "wrap"}).exit == 2);
  CHECK(run("explain", {"--do", "random"}).exit == 1);
}

TEST_CASE_METHOD(PolicyFixture, "policy who-can: lists principal, rule, condition",
                 "[cli][policy]") {
  const auto outcome = run("who-can", {"--do", "wrap", "--key", "app/x"});
  CHECK(outcome.exit == 0);
  CHECK(outcome.out.find("app\trule app-wraps\tif ") == 0);
  CHECK(run("who-can", {"--do", "unwrap", "--key", "app/x"}).out.empty());
}

}  // namespace kw::test
