// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// A policy in which app has the keys of its team, auditor nothing.
constexpr const char* kPolicy = R"(version: keyward-policy/1
principals:
  admin: {spiffe: "spiffe://keyward.dev/admin"}
  app: {spiffe: "spiffe://keyward.dev/app"}
rules:
  - {id: admin-keys, allow: [create, read, rotate, disable, enable], to: [admin], keys: ["**"]}
  - {id: admin-policy, allow: [read-policy, write-policy], to: [admin]}
  - {id: team-a, allow: [read, wrap, unwrap, sign], to: [app], keys: ["team-a/**"]}
  - {id: frozen, deny: [wrap], to: [app], keys: ["team-a/frozen"]}
tests:
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: wrap, key: team-a/k, expect: allow, by: team-a}
)";

// A sandbox with that policy and keys of two teams.
const Sandbox& teams() {
  static Sandbox sandbox;
  static const bool made = [] {
    for (const char* name : {"team-a/one", "team-a/frozen", "team-b/two"}) sandbox.make_key(name);
    REQUIRE(sandbox.client("admin").put("/v1/policy", {{"policy", kPolicy}}).status == 200);
    return true;
  }();
  REQUIRE(made);
  return sandbox;
}

std::vector<std::string> listed(const Reply& reply) {
  std::vector<std::string> names;
  for (const json& key : reply.body["keys"]) names.push_back(key["name"]);
  return names;
}

}  // namespace

TEST_CASE("rights: a list shows what the caller may see and nothing else", "[whole][rights]") {
  Client app = teams().client("app");
  Client admin = teams().client("admin");
  CHECK(listed(admin.get("/v1/keys")) ==
        std::vector<std::string>{"team-a/frozen", "team-a/one", "team-b/two"});
  CHECK(listed(app.get("/v1/keys")) == std::vector<std::string>{"team-a/frozen", "team-a/one"});
  CHECK(listed(app.get("/v1/keys?prefix=team-b")).empty());
  const Reply page = app.get("/v1/keys?limit=1");
  CHECK(listed(page) == std::vector<std::string>{"team-a/frozen"});
  const Reply next = app.get("/v1/keys?limit=1&after=" + page.body["next"].get<std::string>());
  CHECK(listed(next) == std::vector<std::string>{"team-a/one"});
  CHECK(teams().client("auditor").get("/v1/keys").status == 403);
}

TEST_CASE("rights: who may not learns nothing of what is there (49)", "[whole][rights][negative]") {
  Client app = teams().client("app");
  const auto ask = [&](const std::string& key) -> std::vector<Reply> {
    return {app.get("/v1/keys/" + key),
            app.get("/v1/keys/" + key + ":public"),
            app.post("/v1/keys/" + key + ":rotate", json::object()),
            app.post("/v1/wrap", {{"key", key}, {"plaintext", ""}}),
            app.post("/v1/sign", {{"key", key}, {"message", ""}}),
            app.post("/v1/verify-mac", {{"key", key}, {"message", ""}, {"mac", "AAAA"}}),
            app.post("/v1/data-key", {{"key", key}, {"bytes", 32}})};
  };
  const std::vector<Reply> present = ask("team-b/two");
  const std::vector<Reply> missing = ask("team-b/six");
  for (std::size_t i = 0; i < present.size(); ++i) {
    INFO(present[i].text);
    CHECK(present[i].status == 403);
    CHECK(missing[i].status == 403);
    CHECK(present[i].but_for_id() == missing[i].but_for_id());
    CHECK(present[i].text.size() == missing[i].text.size());
  }
  CHECK(app.get("/v1/keys/team-a/six").status == 404);
  Client admin = teams().client("admin");
  const Reply taken = app.post("/v1/keys", {{"name", "team-b/two"}, {"algorithm", "ed25519"}});
  const Reply fresh = app.post("/v1/keys", {{"name", "team-b/six"}, {"algorithm", "ed25519"}});
  CHECK(taken.status == 403);
  CHECK(taken.but_for_id() == fresh.but_for_id());
}

TEST_CASE("rights: a denial wins, and only the record says by which rule",
          "[whole][rights][negative]") {
  Client app = teams().client("app");
  CHECK(app.post("/v1/wrap", {{"key", "team-a/one"}, {"plaintext", ""}}).status == 200);
  const Reply denied = app.post("/v1/wrap", {{"key", "team-a/frozen"}, {"plaintext", ""}});
  CHECK(denied.status == 403);
  CHECK(denied.text.find("frozen") == std::string::npos);
  const json record = teams().records_of(denied.request_id).at(0);
  CHECK(record["rule"] == "frozen");
  CHECK(record["outcome"] == "permission_denied");
  CHECK(record["reason"] == "denied by rule");
}

TEST_CASE("rights: a policy that fails its tests or cannot be read changes nothing (50)",
          "[whole][rights][negative]") {
  Client admin = teams().client("admin");
  const Reply before = admin.get("/v1/policy");
  const std::string file = REQUIRE_OK(read_file(teams() / "policy.yaml"));
  CHECK(before.body["policy"] == file);
  std::string wrong = kPolicy;
  wrong.replace(wrong.find("expect: allow"), 13, "expect: deny");
  CHECK(admin.put("/v1/policy", {{"policy", wrong}}).status == 409);
  const Reply unread =
      admin.put("/v1/policy", {{"policy", "version: keyward-policy/1\nrulez: []"}});
  CHECK(unread.status == 400);
  CHECK(unread.body["detail"].get<std::string>().find("line 2, column 1") != std::string::npos);
  std::string open = kPolicy;
  open.replace(open.find("rules:\n"), 7,
               "rules:\n  - {id: all, allow: [use, admin], to: ['*'], keys: ['**']}\n");
  const Reply refused = admin.put("/v1/policy", {{"policy", open}});
  CHECK(refused.status == 400);
  CHECK(refused.body["detail"].get<std::string>().find("everybody") != std::string::npos);
  CHECK(admin.get("/v1/policy").text == before.text);
  CHECK(REQUIRE_OK(read_file(teams() / "policy.yaml")) == file);
}

TEST_CASE("rights: explain names the rule, and offline says the same", "[whole][rights]") {
  struct Question {
    std::string key;
    bool allowed;
    std::string rule;
  };
  const auto asked =
      GENERATE(Question{"team-a/one", true, "team-a"}, Question{"team-a/frozen", false, "frozen"},
               Question{"team-b/two", false, ""});
  INFO(asked.key);
  Client admin = teams().client("admin");
  const Reply said = admin.post(
      "/v1/policy:explain",
      {{"as", {{"spiffe", {"spiffe://keyward.dev/app"}}}}, {"do", "wrap"}, {"key", asked.key}});
  REQUIRE(said.status == 200);
  CHECK(said.body["allowed"] == asked.allowed);
  CHECK(said.body.value("rule", "") == asked.rule);
  const Outcome offline =
      run({keyward(), "policy", "explain", teams().path("policy.yaml"), "--do", "wrap", "--key",
           asked.key, "--spiffe", "spiffe://keyward.dev/app", "--json"});
  CHECK(offline.exit == (asked.allowed ? 0 : 1));
  const json line = json::parse(offline.out);
  CHECK(line["allowed"] == asked.allowed);
  CHECK(line["rule"] == asked.rule);
}

TEST_CASE("rights: a forbidden key's blob fails as any other bad blob does",
          "[whole][rights][negative]") {
  Client app = teams().client("app");
  const Reply own = app.post("/v1/wrap", {{"key", "team-a/one"}, {"plaintext", ""}});
  const Reply other = teams().client("admin").get("/v1/keys/team-b/two");
  REQUIRE(own.status == 200);
  // The blob of a key that exists and is forbidden, and of one that does not exist.
  std::string forbidden = from_base64url(own.body["blob"]);
  std::string unknown = forbidden;
  const Bytes id = REQUIRE_OK(decode_hex(other.body["id"].get<std::string>()));
  std::copy(id.begin(), id.end(), forbidden.begin() + 6);
  unknown[6] = static_cast<char>(unknown[6] ^ 1);
  const Reply first = app.post("/v1/unwrap", {{"blob", base64url(forbidden)}});
  const Reply second = app.post("/v1/unwrap", {{"blob", base64url(unknown)}});
  CHECK(first.status == 400);
  CHECK(first.but_for_id() == second.but_for_id());
  CHECK(first.text.size() == second.text.size());
  CHECK(teams().records_of(first.request_id).at(0)["reason"] == "no rule allows");
  CHECK(teams().records_of(second.request_id).at(0)["reason"] == "unknown key");
}

}  // namespace kw::whole
