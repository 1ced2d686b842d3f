// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "sandbox.h"
#include "tests/support/expect.h"

// The built program on a token with AES-GCM and without the derivation that xaes-256-gcm needs:
// founded from nothing, used by suite 2, killed and started again.
namespace kw::whole {
namespace {

struct MaskedSandbox : Sandbox {
  MaskedSandbox() {
    REQUIRE(stop() == 0);
    std::filesystem::remove(*this / "catalog.db");
    std::filesystem::remove_all(*this / "audit");
    empty_token();
    edit("keyward.yaml", "/usr/lib/softhsm/libsofthsm2.so", KEYWARD_SHIM_PATH);
    serve_masked();
  }

  void serve_masked() {
    serve({{"KEYWARD_SHIM_MODULE", "/usr/lib/softhsm/libsofthsm2.so"},
           {"KEYWARD_SHIM_RULES", "mask CKM_AES_ECB_ENCRYPT_DATA"}});
  }

  // What the sandbox's own start left in the token, but not the token.
  void empty_token() const {
    for (const auto& token : std::filesystem::directory_iterator(*this / "token/tokens")) {
      if (!token.is_directory()) continue;
      for (const auto& file : std::filesystem::directory_iterator(token.path())) {
        const std::string object = file.path().filename().string();
        if (object.ends_with(".object") && object != "token.object") {
          std::filesystem::remove(file.path());
        }
      }
    }
  }
};

std::string nonce_in(const Reply& reply) {
  REQUIRE(reply.status == 200);
  const std::string blob = from_base64url(reply.body["blob"]);
  CHECK(blob[4] == 2);
  return blob.substr(26, 12);
}

}  // namespace

TEST_CASE_METHOD(MaskedSandbox, "masked: the whole service by suite 2, from nothing",
                 "[whole][masked]") {
  const Outcome none =
      keyward("admin", {"key", "create", "masked/one", "--algorithm", "xaes-256-gcm"});
  CHECK(none.exit == 1);
  CHECK(none.err.find("this token cannot do xaes-256-gcm") != std::string::npos);
  json asked = {{"name", "masked/one"}, {"algorithm", "xaes-256-gcm"}};
  CHECK(client("admin").post("/v1/keys", asked).status == 501);
  asked = {{"name", "masked/w"}, {"algorithm", "aes-256-gcm-counted"}, {"residency", "wrapped"}};
  CHECK(client("admin").post("/v1/keys", asked).status == 501);
  const Outcome made =
      keyward("admin", {"key", "create", "masked/key", "--algorithm", "aes-256-gcm-counted"});
  INFO(made.err);
  REQUIRE(made.exit == 0);
  make_key("masked/mac", "hmac-sha256");
  make_key("masked/sign", "ecdsa-p256-sha256");

  Client app = client("app");
  const json bound = {{"tenant", "7"}};
  const json ask = {{"key", "masked/key"}, {"plaintext", base64("text")}, {"context", bound}};
  const Reply wrapped = app.post("/v1/wrap", ask);
  std::set<std::string> nonces{nonce_in(wrapped)};
  const json open = {{"blob", wrapped.body["blob"]}, {"context", bound}};
  const Reply opened = app.post("/v1/unwrap", open);
  REQUIRE(opened.status == 200);
  CHECK(from_base64(opened.body["plaintext"]) == "text");
  CHECK(app.post("/v1/unwrap", {{"blob", wrapped.body["blob"]}}).status == 400);
  CHECK(client("auditor").post("/v1/unwrap", open).status == 403);
  CHECK(nonces.insert(nonce_in(app.post("/v1/data-key", {{"key", "masked/key"}, {"bytes", 32}})))
            .second);
  REQUIRE(client("admin").post("/v1/keys/masked/key:rotate", json::object()).status == 200);
  const Reply moved = app.post("/v1/rewrap", open);
  CHECK(moved.body["version"] == 2);
  CHECK(nonces.insert(nonce_in(moved)).second);
  const json one = {{"op", "wrap"}, {"key", "masked/key"}, {"plaintext", base64("text")}};
  const Reply batch = app.post("/v1/batch", {{"requests", {one, one, one}}});
  REQUIRE(batch.status == 200);
  REQUIRE(batch.body["results"].size() == 3);
  for (const json& each : batch.body["results"]) {
    CHECK(nonces.insert(from_base64url(each["answer"]["blob"]).substr(26, 12)).second);
  }
  for (const Reply& reply : {wrapped, opened, moved}) {
    const auto records = records_of(reply.request_id);
    REQUIRE(records.size() == 1);
    CHECK(records.front()["suite"] == 2);
  }

  // After a kill the count goes on behind what was set aside.
  kill();
  serve_masked();
  Client again = client("app");
  const Reply later = again.post("/v1/wrap", ask);
  CHECK(nonces.insert(nonce_in(later)).second);
  CHECK(nonce_in(later).substr(8) == std::string("\x00\x10\x00\x01", 4));
  CHECK(from_base64(again.post("/v1/unwrap", open).body["plaintext"]) == "text");
  REQUIRE(stop() == 0);
  CHECK(verify_code(*this) == 0);
}

}  // namespace kw::whole
