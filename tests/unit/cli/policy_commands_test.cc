// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "call.h"
#include "fake_server.h"
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

// A server whose policy is kPolicy, and that answers a question as `explanation` says.
FakeServer policy_server(const nlohmann::json& explanation = {}) {
  return FakeServer([explanation](const FakeRequest& request) {
    const bool reads = request.method == "GET" && request.target == "/v1/policy";
    const nlohmann::json policy = {{"sha256", ""}, {"policy", kPolicy}};
    return FakeReply{.body = (reads ? policy : explanation).dump()};
  });
}

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

TEST_CASE("policy: without a file, the server's policy is asked", "[cli][policy]") {
  const FakeServer server = policy_server();
  CHECK(call(server.as_app({"policy", "check"})).out == "good\n");
  CHECK(call(server.as_app({"policy", "test"})).exit == 0);
  const auto who = call(server.as_app({"policy", "who-can", "--do", "wrap", "--key", "app/x"}));
  CHECK(who.out.find("app\trule app-wraps\tif ") == 0);
  CHECK(server.seen().size() == 3);
}

TEST_CASE("policy explain: a server answers by what it knows of the key", "[cli][policy]") {
  const FakeServer server = policy_server({{"allowed", false}, {"near_misses", {"a: b"}}});
  const auto outcome =
      call(server.as_app({"policy", "explain", "--do", "wrap", "--key", "app/x", "--dns",
                          "a.example", "--context", "tenant=\"7\"", "--source", "10.0.0.1"}));
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.find("a: b") != std::string::npos);
  const auto asked = nlohmann::json::parse(server.seen().at(0).body);
  const nlohmann::json subject = {
      {"spiffe", nlohmann::json::array()}, {"dns", {"a.example"}}, {"spki", ""}, {"subject", ""}};
  CHECK(asked == nlohmann::json{{"as", subject},
                                {"do", "wrap"},
                                {"key", "app/x"},
                                {"source", "10.0.0.1"},
                                {"context", {{"tenant", "\"7\""}}}});
  const FakeServer grants = policy_server({{"allowed", true}, {"rule", "r"}});
  const auto yes = call(grants.as_app({"policy", "explain", "--do", "random", "--json"}));
  CHECK(yes.exit == 0);
  CHECK(nlohmann::json::parse(yes.out)["rule"] == "r");
  for (const std::string option : {"--algorithm", "--state", "--bytes"}) {
    CHECK(call(grants.as_app({"policy", "explain", "--do", "random", option, "1"})).exit == 2);
  }
  const FakeServer odd = policy_server({{"allowed", "yes"}});
  CHECK(call(odd.as_app({"policy", "explain", "--do", "random"})).exit == 1);
}

TEST_CASE_METHOD(PolicyFixture, "policy: a file and a server, or neither, is wrong usage",
                 "[cli][policy]") {
  ::unsetenv("KEYWARD_ADDR");
  CHECK(run("check", {"--addr", "https://127.0.0.1:1"}).exit == 2);
  const auto neither = call({"policy", "check"});
  CHECK(neither.exit == 2);
  CHECK(neither.err.find("no file given") != std::string::npos);
}

TEST_CASE_METHOD(PolicyFixture, "policy diff: lists what the new one changes", "[cli][policy]") {
  std::string text(kPolicy);
  text.replace(text.find("[wrap]"), 6, "[wrap, sign]");
  REQUIRE_OK(write_file(folder / "new.yaml", text));
  const std::string fresh = (folder / "new.yaml").string();
  const std::string old = (folder / "policy.yaml").string();
  const auto offline = call({"policy", "diff", fresh, "--from", old});
  CHECK(offline.exit == 1);
  CHECK(offline.out == "rule app-wraps changed\n  + allow sign\n");
  const auto same = call({"policy", "diff", old, "--from", old});
  CHECK(same.exit == 0);
  CHECK(same.out.empty());
  const FakeServer server = policy_server();
  const auto there = call(server.as_app({"policy", "diff", fresh, "--json"}));
  CHECK(there.exit == 1);
  CHECK(nlohmann::json::parse(there.out) == nlohmann::json{{"subject", "rule app-wraps"},
                                                           {"change", "changed"},
                                                           {"removed", nlohmann::json::array()},
                                                           {"added", {"allow sign"}}});
  write("version: [\n");
  const auto bad = call({"policy", "diff", fresh, "--from", old});
  CHECK(bad.exit == 1);
  CHECK(bad.err.find("policy.yaml: line ") != std::string::npos);
  CHECK(call({"policy", "diff"}).exit == 2);
}

}  // namespace kw::test
