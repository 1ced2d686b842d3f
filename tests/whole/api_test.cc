// SPDX-License-Identifier: Apache-2.0
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <set>

#include "sandbox.h"
#include "tests/support/expect.h"
#include "tests/support/signature_oracle.h"

namespace kw::whole {
namespace {

namespace oracle = test::signature_oracle;

const std::string kMessage = "a message for the signer";

// r and s side by side as DER: what OpenSSL verifies.
std::string der_signature(const std::string& raw) {
  const auto* at = reinterpret_cast<const unsigned char*>(raw.data());
  const int width = static_cast<int>(raw.size() / 2);
  ECDSA_SIG* const signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, BN_bin2bn(at, width, nullptr), BN_bin2bn(at + width, width, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  ECDSA_SIG_free(signature);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

std::string bytes_of(const std::string& signature, const std::string& encoding) {
  return encoding == "jws" ? from_base64url(signature) : from_base64(signature);
}

bool is_request_id(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

TEST_CASE("api: OpenSSL verifies what the token signed", "[whole][api]") {
  const std::string algorithm =
      GENERATE("rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "ecdsa-p256-sha256",
               "ecdsa-p384-sha384", "ecdsa-p521-sha512", "ed25519");
  INFO(algorithm);
  const Sandbox& sandbox = shared_sandbox();
  const std::string name = "api/" + algorithm;
  sandbox.make_key(name, algorithm);
  Client app = sandbox.client("app");
  const Reply pem = app.get("/v1/keys/" + name + ":public?format=pem");
  REQUIRE(pem.status == 200);
  CHECK(pem.type == "application/x-pem-file");
  const Bytes public_key = der_of(pem.text);
  const bool is_ecdsa = algorithm.starts_with("ecdsa");
  std::vector<std::string> encodings = {"der", "jws"};
  if (is_ecdsa) encodings.emplace_back("raw");
  for (const std::string& encoding : encodings) {
    INFO(encoding);
    json signed_with = {{"key", name}, {"message", base64(kMessage)}, {"encoding", encoding}};
    const Reply made = app.post("/v1/sign", signed_with);
    REQUIRE(made.status == 200);
    CHECK(made.body["version"] == 1);
    const std::string bytes = bytes_of(made.body["signature"], encoding);
    const std::string der = is_ecdsa && encoding != "der" ? der_signature(bytes) : bytes;
    CHECK(oracle::verifies(algorithm, public_key, as_bytes(kMessage), as_bytes(der)));
    CHECK_FALSE(oracle::verifies(algorithm, public_key, as_bytes("another"), as_bytes(der)));
    signed_with["signature"] = made.body["signature"];
    CHECK(app.post("/v1/verify", signed_with).body["valid"] == true);
    signed_with["message"] = base64("another");
    const Reply wrong = app.post("/v1/verify", signed_with);
    CHECK(wrong.status == 200);
    CHECK(wrong.body["valid"] == false);
  }
  CHECK(app.get("/v1/keys/" + name + ":public?format=jwk").body["kid"] == name + "#1");
  CHECK(app.get("/v1/keys/" + name + ":public?format=ssh").type == "text/plain");
}

TEST_CASE("api: a digest is signed as its message would be", "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/digest", "ecdsa-p256-sha256");
  Client app = sandbox.client("app");
  const Bytes digest = oracle::hash("SHA256", as_bytes(kMessage));
  const Reply made = app.post(
      "/v1/sign", {{"key", "api/digest"}, {"digest", base64(std::string(as_text(digest)))}});
  REQUIRE(made.status == 200);
  const Bytes public_key = der_of(app.get("/v1/keys/api/digest:public").text);
  CHECK(oracle::verifies("ecdsa-p256-sha256", public_key, as_bytes(kMessage),
                         as_bytes(from_base64(made.body["signature"]))));
}

TEST_CASE("api: a MAC holds for its message and no other", "[whole][api]") {
  struct Mac {
    std::string algorithm;
    std::size_t size;
  };
  const auto mac = GENERATE(Mac{"hmac-sha256", 32}, Mac{"hmac-sha512", 64});
  const Sandbox& sandbox = shared_sandbox();
  const std::string name = "api/" + mac.algorithm;
  sandbox.make_key(name, mac.algorithm);
  Client app = sandbox.client("app");
  json body = {{"key", name}, {"message", base64(kMessage)}};
  const Reply made = app.post("/v1/mac", body);
  REQUIRE(made.status == 200);
  CHECK(from_base64(made.body["mac"]).size() == mac.size);
  CHECK(app.post("/v1/mac", body).body["mac"] == made.body["mac"]);
  body["mac"] = made.body["mac"];
  CHECK(app.post("/v1/verify-mac", body).body["valid"] == true);
  body["message"] = base64("another");
  CHECK(app.post("/v1/verify-mac", body).body["valid"] == false);
}

TEST_CASE("api: a blob opens with its context, and rewraps to another (57, 58)", "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/wrap");
  Client app = sandbox.client("app");
  const json context = {{"a", "bc"}, {"d", "e"}};
  const Reply made = app.post(
      "/v1/wrap", {{"key", "api/wrap"}, {"plaintext", base64("text")}, {"context", context}});
  REQUIRE(made.status == 200);
  const json blob = made.body["blob"];
  const auto open = [&](const json& what, const std::string& with) {
    // As text: the order of the pairs is the test's.
    return app.post_text("/v1/unwrap", R"({"blob":)" + what.dump() + "," + with + "}");
  };
  CHECK(from_base64(open(blob, R"("context":{"d":"e","a":"bc"})").body["plaintext"]) == "text");
  CHECK(open(blob, R"("context":{"ab":"c","d":"e"})").status == 400);
  CHECK(open(blob, R"("context":{"a":"bc","d":"e","f":""})").status == 400);
  CHECK(open(blob, R"("context":{})").status == 400);
  CHECK(open(blob, R"("key":"api/wrap")").status == 400);
  const Reply moved = app.post(
      "/v1/rewrap", {{"blob", blob}, {"context", context}, {"new_context", json::object()}});
  REQUIRE(moved.status == 200);
  CHECK(open(moved.body["blob"], R"("context":{})").status == 200);
  CHECK(open(moved.body["blob"], R"("key":"api/wrap")").status == 200);
  CHECK(open(moved.body["blob"], R"("context":{"a":"bc","d":"e"})").status == 400);
}

TEST_CASE("api: a data key is what its blob holds", "[whole][api]") {
  const std::size_t size = GENERATE(16u, 32u, 64u);
  const Sandbox& sandbox = shared_sandbox();
  const std::string name = "api/data-" + std::to_string(size);
  sandbox.make_key(name);
  Client app = sandbox.client("app");
  const Reply made = app.post("/v1/data-key", {{"key", name}, {"bytes", size}});
  REQUIRE(made.status == 200);
  CHECK(from_base64(made.body["plaintext"]).size() == size);
  const Reply opened = app.post("/v1/unwrap", {{"blob", made.body["blob"]}});
  CHECK(opened.body["plaintext"] == made.body["plaintext"]);
  const Reply hidden =
      app.post("/v1/data-key", {{"key", name}, {"bytes", size}, {"plaintext", false}});
  CHECK(hidden.status == 200);
  CHECK_FALSE(hidden.body.contains("plaintext"));
}

TEST_CASE("api: random bytes are as many as were asked for, and fresh", "[whole][api]") {
  Client app = shared_sandbox().client("app");
  for (const std::size_t size : {1u, 16u, 4096u}) {
    const Reply reply = app.post("/v1/random", {{"bytes", size}});
    CHECK(from_base64(reply.body["random"]).size() == size);
  }
  CHECK(app.post("/v1/random", {{"bytes", 16}}).body["random"] !=
        app.post("/v1/random", {{"bytes", 16}}).body["random"]);
  CHECK(app.post("/v1/random", {{"bytes", 0}}).status == 400);
  CHECK(app.post("/v1/random", {{"bytes", 4097}}).status == 400);
}

TEST_CASE("api: a batch answers each request in its place", "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/batch");
  Client app = sandbox.client("app");
  const std::string text = base64("batch");
  const Reply reply =
      app.post("/v1/batch", {{"requests",
                              {{{"op", "wrap"}, {"key", "api/batch"}, {"plaintext", text}},
                               {{"op", "wrap"}, {"key", "api/none"}, {"plaintext", text}},
                               {{"op", "random"}, {"bytes", 8}},
                               {{"op", "random"}, {"bytes", "8"}},
                               {{"op", "sign"}, {"key", "api/batch"}, {"message", text}},
                               {{"op", "unwrap"}, {"blob", "a3di"}},
                               {{"op", "create"}, {"name", "x"}},
                               {{"op", "wrap"}, {"key", "api/batch"}, {"plaintext", text}}}}});
  REQUIRE(reply.status == 200);
  const json& results = reply.body["results"];
  std::vector<int> statuses;
  for (const json& result : results) statuses.push_back(result["status"]);
  CHECK(statuses == std::vector<int>{200, 404, 200, 400, 400, 400, 400, 200});
  CHECK(from_base64(results[2]["answer"]["random"]).size() == 8);
  CHECK(results[1]["problem"]["code"] == "not_found");
  const Reply opened = app.post("/v1/unwrap", {{"blob", results[7]["answer"]["blob"]}});
  CHECK(opened.body["plaintext"] == text);
  CHECK(sandbox.records_of(reply.request_id).size() >= results.size());
  CHECK(results[7]["receipt"] == reply.receipt);
}

TEST_CASE("api: a long batch has every answer once, in order, with its own receipt",
          "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  const std::size_t size = GENERATE(as<std::size_t>(), 31, 32, 33, 1000);
  const std::string name = "api/long-" + std::to_string(size);
  sandbox.make_key(name);
  Client app = sandbox.client("app");
  json requests = json::array();
  for (std::size_t i = 0; i < size; ++i) {
    const std::string key = i % 7 == 3 ? "api/none" : name;
    requests.push_back({{"op", "wrap"}, {"key", key}, {"plaintext", base64(std::to_string(i))}});
  }
  const Reply reply = app.post("/v1/batch", {{"requests", requests}});
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body["results"].size() == size);
  std::set<std::string> receipts;
  json to_open = json::array();
  for (std::size_t i = 0; i < size; ++i) {
    const json& result = reply.body["results"][i];
    CHECK(result["status"] == (i % 7 == 3 ? 404 : 200));
    receipts.insert(result["receipt"]);
    if (i % 7 == 3) continue;
    to_open.push_back({{"op", "unwrap"}, {"blob", result["answer"]["blob"]}});
  }
  CHECK(receipts.size() == size);
  CHECK(reply.body["results"][size - 1]["receipt"] == reply.receipt);
  const Reply opened = app.post("/v1/batch", {{"requests", to_open}});
  std::size_t at = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 7 == 3) continue;
    CHECK(opened.body["results"][at++]["answer"]["plaintext"] == base64(std::to_string(i)));
  }
}

TEST_CASE("api: each answer names its request and its record", "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/receipt");
  Client app = sandbox.client("app");
  const std::vector<Reply> replies = {
      app.post("/v1/wrap", {{"key", "api/receipt"}, {"plaintext", ""}}),
      app.post("/v1/wrap", {{"key", "api/none"}, {"plaintext", ""}}),
      app.post("/v1/unwrap", {{"blob", "nothing"}}),
      app.post("/v1/keys", {{"name", "api/not-mine"}, {"algorithm", "ed25519"}}),
      app.get("/v1/keys/api/receipt"),
      app.get("/v1/no-such-call")};
  const std::vector<json> records = sandbox.records();
  std::set<std::string> ids;
  for (const Reply& reply : replies) {
    INFO(reply.text);
    CHECK(is_request_id(reply.request_id));
    ids.insert(reply.request_id);
    REQUIRE_FALSE(reply.receipt.empty());
    const json& record = records.at(std::stoul(reply.receipt));
    CHECK(reply.receipt == record["index"].dump() + ":" + record["leaf"].get<std::string>());
    CHECK(record["request_id"] == reply.request_id);
    CHECK(record["caller"] == "spiffe://keyward.dev/app");
    CHECK((record["outcome"] == "ok") == (reply.status == 200));
    if (reply.status != 200) CHECK(reply.body["request_id"] == reply.request_id);
  }
  CHECK(ids.size() == replies.size());
}

TEST_CASE("api: the auditor uses no key, and the user manages none", "[whole][api][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/roles");
  const Reply blob =
      sandbox.client("app").post("/v1/wrap", {{"key", "api/roles"}, {"plaintext", ""}});
  REQUIRE(blob.status == 200);
  Client auditor = sandbox.client("auditor");
  CHECK(auditor.get("/v1/keys/api/roles").status == 200);
  CHECK(auditor.get("/v1/policy").status == 200);
  CHECK(auditor.post("/v1/unwrap", {{"blob", blob.body["blob"]}}).status == 403);
  CHECK(auditor.post("/v1/rewrap", {{"blob", blob.body["blob"]}}).status == 403);
  CHECK(auditor.post("/v1/wrap", {{"key", "api/roles"}, {"plaintext", ""}}).status == 403);
  CHECK(auditor.post("/v1/random", {{"bytes", 1}}).status == 403);
  Client admin = sandbox.client("admin");
  CHECK(admin.post("/v1/unwrap", {{"blob", blob.body["blob"]}}).status == 403);
  Client app = sandbox.client("app");
  CHECK(app.post("/v1/keys/api/roles:rotate", json::object()).status == 403);
  CHECK(app.post("/v1/keys/api/roles:disable", json::object()).status == 403);
  CHECK(app.get("/v1/policy").status == 403);
  CHECK(app.put("/v1/policy", {{"policy", "version: keyward-policy/1\n"}}).status == 403);
}

TEST_CASE("api: the older version opens until it is disabled, and again when enabled (47, 48)",
          "[whole][api][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/versions");
  Client admin = sandbox.client("admin");
  Client app = sandbox.client("app");
  Client auditor = sandbox.client("auditor");
  const json wrap = {{"key", "api/versions"}, {"plaintext", ""}};
  const json first = {{"blob", app.post("/v1/wrap", wrap).body["blob"]}};
  CHECK(admin.post("/v1/keys/api/versions:rotate", json::object()).body["primary"] == 2);
  const json second = {{"blob", app.post("/v1/wrap", wrap).body["blob"]}};
  CHECK(app.post("/v1/unwrap", first).body["version"] == 1);
  CHECK(app.post("/v1/rewrap", first).body["version"] == 2);
  CHECK(admin.post("/v1/keys/api/versions:disable", {{"version", 1}}).status == 200);
  CHECK(app.post("/v1/unwrap", first).status == 409);
  CHECK(app.post("/v1/unwrap", first).body["code"] == "failed_precondition");
  CHECK(app.post("/v1/rewrap", first).status == 409);
  CHECK(app.post("/v1/unwrap", second).status == 200);
  CHECK(auditor.post("/v1/unwrap", first).status == 403);
  CHECK(admin.post("/v1/keys/api/versions:disable", {{"version", 1}}).status == 200);
  CHECK(admin.post("/v1/keys/api/versions:disable", {{"version", 9}}).status == 404);
  CHECK(admin.post("/v1/keys/api/versions:disable", json::object()).status == 200);
  CHECK(app.post("/v1/wrap", wrap).status == 409);
  const Reply forbidden = auditor.post("/v1/wrap", wrap);
  CHECK(forbidden.status == 403);
  CHECK(forbidden.but_for_id() ==
        auditor.post("/v1/wrap", {{"key", "api/no"}, {"plaintext", ""}}).but_for_id());
  CHECK(admin.post("/v1/keys/api/versions:enable", json::object()).status == 200);
  CHECK(app.post("/v1/unwrap", first).status == 200);
}

TEST_CASE("api: nobody gets health and the document, and nothing else (14)", "[whole][api]") {
  Client nobody = shared_sandbox().client("");
  CHECK(nobody.get("/healthz").body == json{{"alive", true}});
  const Reply ready = nobody.get("/readyz");
  CHECK(ready.status == 200);
  CHECK(ready.body["ready"] == true);
  const Reply document = nobody.get("/openapi.json");
  CHECK(document.body["openapi"].get<std::string>().starts_with("3.1"));
  CHECK(document.body["paths"].contains("/v1/wrap"));
  for (const std::string target : {"/v1/whoami", "/v1/keys", "/v1/policy", "/v1/none"}) {
    const Reply refused = nobody.get(target);
    INFO(target);
    CHECK(refused.status == 401);
    CHECK(refused.type == "application/problem+json");
    CHECK(refused.body["code"] == "unauthenticated");
  }
  CHECK(nobody.post("/v1/random", {{"bytes", 1}}).status == 401);
}

TEST_CASE("api: a key exists once, and its name is its only name", "[whole][api]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("api/once");
  Client admin = sandbox.client("admin");
  CHECK(admin.post("/v1/keys", {{"name", "api/once"}, {"algorithm", "ed25519"}}).status == 409);
  CHECK(admin.post("/v1/keys", {{"name", "keyward/own"}, {"algorithm", "ed25519"}}).status == 400);
  CHECK(admin.get("/v1/keys/api/twice").status == 404);
}

}  // namespace kw::whole
