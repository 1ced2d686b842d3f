// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// What a checkpoint says, as another implementation reads and believes it.
struct Head {
  std::uint64_t size = 0;
  std::string root;
};

Outcome python_oracle(std::vector<std::string> words) {
  words.insert(words.begin(), {"python3", KEYWARD_PROOF_ORACLE});
  return run(words);
}

struct LogWithCheckpoints {
  std::string vkey() const { return sandbox.path("audit/checkpoint.vkey"); }

  std::string save(const std::string& name, const std::string& content) const {
    REQUIRE_OK(write_file(folder / name, content));
    return (folder / name).string();
  }

  Head believed(const std::string& note) const {
    const Outcome outcome = python_oracle({"note", vkey(), save("note", note)});
    REQUIRE(outcome.exit == 0);
    Head head;
    head.size = std::stoull(outcome.out);
    head.root = outcome.out.substr(outcome.out.find(' ') + 1);
    head.root.pop_back();
    return head;
  }

  // The newest checkpoint, once it has this record under it.
  std::string covering(const std::string& receipt) {
    std::string note;
    REQUIRE(comes_true([&] {
      note = auditor.get("/v1/audit/checkpoint").text;
      return believed(note).size > std::stoull(receipt);
    }));
    return note;
  }

  std::string receipt() { return app.post("/v1/random", {{"bytes", 1}}).receipt; }

  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  Client auditor = sandbox.client("auditor");
  test::TempDir folder;
};

}  // namespace

TEST_CASE_METHOD(LogWithCheckpoints,
                 "checkpoint: another implementation believes receipt and proof",
                 "[whole][checkpoint]") {
  const std::string mine = receipt();
  const std::string proof = (folder / "mine.tlog-proof").string();
  const Outcome proven = sandbox.keyward(
      "auditor", {"audit", "prove", "--receipt", mine, "--key", vkey(), "--out", proof});
  CHECK(proven.exit == 0);
  CHECK(python_oracle({"inclusion", vkey(), proof, mine}).exit == 0);
  CHECK(python_oracle({"inclusion", vkey(), proof, "0" + mine.substr(mine.find(':'))}).exit == 1);
  // The proof outlives the server: the key is all that is needed.
  CHECK(run({keyward(), "audit", "prove", "--receipt", mine, "--key", vkey(), "--proof", proof})
            .exit == 0);
  const std::string other = receipt();
  CHECK(run({keyward(), "audit", "prove", "--receipt", other, "--key", vkey(), "--proof", proof})
            .exit == 1);
}

TEST_CASE_METHOD(LogWithCheckpoints, "checkpoint: another implementation finds the root in the log",
                 "[whole][checkpoint]") {
  const std::string note = covering(receipt());
  std::string leaves;
  for (const json& record : sandbox.records()) leaves += record["leaf"].get<std::string>() + "\n";
  CHECK(python_oracle({"log", vkey(), save("checkpoint", note), save("leaves", leaves)}).exit == 0);
  leaves[0] = leaves[0] == '0' ? '1' : '0';
  CHECK(python_oracle({"log", vkey(), save("checkpoint", note), save("leaves", leaves)}).exit == 1);
}

TEST_CASE_METHOD(LogWithCheckpoints, "checkpoint: another implementation believes that it grew",
                 "[whole][checkpoint]") {
  const Head older = believed(covering(receipt()));
  const Head newer = believed(covering(receipt()));
  REQUIRE(newer.size > older.size);
  const Reply proof = auditor.get("/v1/audit/proof?from=" + std::to_string(older.size) +
                                  "&size=" + std::to_string(newer.size));
  REQUIRE(proof.status == 200);
  CHECK_FALSE(proof.receipt.empty());
  const auto grew = [&](const Head& from) {
    return python_oracle({"growth", std::to_string(from.size), from.root,
                          std::to_string(newer.size), newer.root, proof.body["hashes"]})
        .exit;
  };
  CHECK(grew(older) == 0);
  CHECK(grew({older.size, newer.root}) == 1);
}

TEST_CASE_METHOD(LogWithCheckpoints, "checkpoint: prove says no to what is not there",
                 "[whole][checkpoint][negative]") {
  const std::string mine = receipt();
  const std::string key = vkey();
  const auto prove = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {keyward(), "audit", "prove"});
    return run(words).exit;
  };
  const std::string audit = sandbox.path("audit");
  REQUIRE(comes_true([&] { return prove({audit, "--receipt", mine}) == 0; }));
  std::string other = mine;
  other.back() = other.back() == '0' ? '1' : '0';
  CHECK(prove({audit, "--receipt", other}) == 1);
  CHECK(prove({audit, "--receipt", "1000000000" + mine.substr(mine.find(':'))}) == 1);
  CHECK(prove({audit, "--receipt", mine, "--key", sandbox.path("ca.pem")}) == 1);
  CHECK(prove({audit, "--receipt", "x"}) == 2);
  CHECK(prove({audit}) == 2);
  CHECK(prove({"--receipt", mine}) == 2);
  CHECK(prove({audit, "--receipt", mine, "--proof", key}) == 2);
  CHECK(prove({"--receipt", mine, "--key", key, "--proof", key}) == 1);
  // And the caller may not.
  CHECK(sandbox.keyward("app", {"audit", "prove", "--receipt", mine, "--key", key}).exit == 1);
  CHECK(app.get("/v1/audit/checkpoint").status == 403);
  CHECK(app.get("/v1/audit/proof?index=0").status == 403);
  CHECK(app.get("/v1/audit/records").status == 403);
  CHECK(auditor.get("/v1/audit/proof").status == 400);
  CHECK(auditor.get("/v1/audit/proof?index=0&from=0").status == 400);
  CHECK(auditor.get("/v1/audit/proof?index=1000000000").status == 409);
}

TEST_CASE_METHOD(LogWithCheckpoints, "checkpoint: records over HTTPS are those of the folder",
                 "[whole][checkpoint]") {
  const std::string mine = receipt();
  const Reply page =
      auditor.get("/v1/audit/records?from=" + mine.substr(0, mine.find(':')) + "&limit=1");
  REQUIRE(page.status == 200);
  REQUIRE(page.body["records"].size() == 1);
  const json record = page.body["records"][0];
  CHECK(std::to_string(record["index"].get<std::uint64_t>()) + ":" +
            record["leaf"].get<std::string>() ==
        mine);
  const Outcome shown = run({keyward(), "audit", "show", sandbox.path("audit"), "--json", "--from",
                             mine.substr(0, mine.find(':')), "--count", "1"});
  CHECK(json::parse(shown.out) == record);
}

TEST_CASE("audit: whether a context was used is found by its MAC", "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("audit/context");
  const Reply wrapped = sandbox.client("app").post(
      "/v1/wrap", {{"key", "audit/context"}, {"plaintext", ""}, {"context", {{"order", "4711"}}}});
  REQUIRE(wrapped.status == 200);
  const auto mac_of = [&](const std::string& order) {
    const Outcome said =
        sandbox.keyward("auditor", {"audit", "context", "--context", "order=" + order, "--json"});
    REQUIRE(said.exit == 0);
    return json::parse(said.out)["context_mac"].get<std::string>();
  };
  const auto used = [&](const std::string& order) {
    return run({keyward(), "audit", "show", sandbox.path("audit"), "--json", "--where",
                "context_mac=" + mac_of(order)})
        .out;
  };
  CHECK(json::parse(used("4711"))["request_id"] == wrapped.request_id);
  CHECK(used("4712").empty());
  CHECK(sandbox.keyward("auditor", {"audit", "context"}).exit == 1);
  CHECK(sandbox.keyward("app", {"audit", "context", "--context", "a=b"}).exit == 1);
}

TEST_CASE(
    "checkpoint: a stopped server's log is signed to its last record, and a rollback is found",
    "[whole][checkpoint][negative]") {
  Sandbox sandbox;
  Client app = sandbox.client("app");
  REQUIRE(sandbox.stop() == 0);
  const auto verify = [&](const std::filesystem::path& folder, std::vector<std::string> words) {
    words.insert(words.begin(), {keyward(), "audit", "verify", "--json", folder.string()});
    const Outcome outcome = run(words);
    return std::pair(outcome.exit, json::parse(outcome.out));
  };
  const auto [good, said] = verify(sandbox / "audit", {});
  CHECK(good == 0);
  CHECK(said["signed_records"] == said["records"]);
  const test::TempDir kept;
  std::filesystem::copy(sandbox / "audit", kept / "old", std::filesystem::copy_options::recursive);

  sandbox.serve();
  REQUIRE(sandbox.stop() == 0);
  const std::string newer = sandbox.path("audit/checkpoint");
  CHECK(verify(sandbox / "audit", {"--trusted-checkpoint", (kept / "old/checkpoint").string()})
            .first == 0);
  // The whole folder as it once was, its own checkpoint with it, is good but for who knows better.
  CHECK(verify(kept / "old", {}).first == 0);
  CHECK(verify(kept / "old", {"--trusted-checkpoint", newer}).first == 2);
  std::filesystem::remove_all(sandbox / "audit");
  std::filesystem::copy(kept / "old", sandbox / "audit", std::filesystem::copy_options::recursive);
  std::filesystem::remove(sandbox / "audit/checkpoint");
  CHECK(run({keyward(), "serve", "--config", sandbox.path("keyward.yaml")}).exit == 1);
}

}  // namespace kw::whole
