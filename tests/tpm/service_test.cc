// SPDX-License-Identifier: Apache-2.0
#include "tests/support/signature_oracle.h"
#include "tests/tpm/tpm_sandbox.h"

// The built program at a TPM of its own (tests/support/with_tpm): founded from nothing, used over
// HTTPS, ended and started again.
namespace kw::whole {

// Two keys were left, one of them for the service itself: the doctor takes none.
TEST_CASE_METHOD(TpmSandbox, "tpm: the doctor's profile is one to serve by",
                 "[tpm][whole][doctor]") {
  const Outcome examined = run({whole::keyward(), "doctor", "--config", path("keyward.yaml"),
                                "--json", "--profile", path("token.profile"), "--seconds", "0.003"},
                               {}, {}, 1200);
  INFO(examined.err);
  REQUIRE(examined.exit == 0);
  const json report = json::parse(examined.out);
  CHECK(report["verdict"] == "production");
  const auto offered = [&](const char* list, const char* name) {
    return report.at(list).at(name).at("offered").get<bool>();
  };
  for (const char* const name : {"hmac-sha256", "aes-256-gcm-host", "rsa-3072-pss-sha256"}) {
    INFO(name);
    CHECK(offered("algorithms", name));
  }
  CHECK_FALSE(offered("algorithms", "hmac-sha512"));  // none was left
  CHECK(offered("suites", "3"));

  edit("keyward.yaml", "token:\n", "token:\n  profile: token.profile\n");
  serve();
  CHECK(create("tpm/first", "hmac-sha256").status == 201);
  const Reply refused = create("tpm/none", "hmac-sha512");
  CHECK(refused.status == 501);
  CHECK(refused.body["detail"].get<std::string>().find("none that is unused") != std::string::npos);
}

TEST_CASE_METHOD(TpmSandbox, "tpm: the whole service on a TPM, from nothing", "[tpm][whole]") {
  serve();
  Client app = client("app");
  CHECK(log().find("rsa-decrypt, rsa-raw-mechanism, mac-key-type") != std::string::npos);

  for (const std::string algorithm :
       {"rsa-2048-pss-sha256", "rsa-3072-pkcs1-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384"}) {
    INFO(algorithm);
    const std::string name = "tpm/" + algorithm;
    REQUIRE(create(name, algorithm).status == 201);
    const Reply made = app.post("/v1/sign", {{"key", name}, {"message", base64("text")}});
    REQUIRE(made.status == 200);
    const Reply half = client("admin").get("/v1/keys/" + name + ":public?format=pem");
    const std::string signature = from_base64(made.body["signature"]);
    CHECK(test::signature_oracle::verifies(algorithm, der_of(half.text), as_bytes("text"),
                                           as_bytes(signature)));
  }
  for (const std::string algorithm :
       {"xaes-256-gcm", "aes-256-gcm-counted", "ed25519", "rsa-4096-pss-sha256"}) {
    const Reply refused = create("tpm/none", algorithm);
    CHECK(refused.status == 501);
    CHECK(refused.body["detail"] == "algorithm: this token cannot do " + algorithm);
  }

  REQUIRE(create("tpm/mac", "hmac-sha256").status == 201);
  const Reply mac = app.post("/v1/mac", {{"key", "tpm/mac"}, {"message", base64("text")}});
  REQUIRE(mac.status == 200);
  CHECK(app.post("/v1/verify-mac",
                 {{"key", "tpm/mac"}, {"message", base64("text")}, {"mac", mac.body["mac"]}})
            .body["valid"] == true);
  const std::string long_message(5000, 'm');
  CHECK(app.post("/v1/mac", {{"key", "tpm/mac"}, {"message", base64(long_message)}}).status == 413);

  REQUIRE(create("tpm/key", "aes-256-gcm-host").status == 201);
  const json bound = {{"tenant", "7"}};
  const Reply wrapped =
      app.post("/v1/wrap", {{"key", "tpm/key"}, {"plaintext", base64("text")}, {"context", bound}});
  REQUIRE(wrapped.status == 200);
  CHECK(from_base64url(wrapped.body["blob"])[4] == 3);
  const json ask = {{"blob", wrapped.body["blob"]}, {"context", bound}};
  const Reply opened = app.post("/v1/unwrap", ask);
  REQUIRE(opened.status == 200);
  CHECK(from_base64(opened.body["plaintext"]) == "text");
  CHECK(app.post("/v1/unwrap", {{"blob", wrapped.body["blob"]}}).status == 400);
  CHECK(client("admin").post("/v1/unwrap", ask).status == 403);
  CHECK(app.post("/v1/data-key", {{"key", "tpm/key"}, {"bytes", 32}}).status == 200);

  REQUIRE(client("admin").post("/v1/keys/tpm/key:rotate", json::object()).status == 200);
  const Reply moved = app.post("/v1/rewrap", {{"blob", wrapped.body["blob"]}, {"context", bound}});
  REQUIRE(moved.status == 200);
  CHECK(moved.body["version"] == 2);

  // Only a rule that names the algorithm gives it, and every record says which suite it was.
  REQUIRE(create("other/key", "aes-256-gcm-host").status == 201);
  CHECK(app.post("/v1/wrap", {{"key", "other/key"}, {"plaintext", base64("text")}}).status == 403);
  for (const Reply& reply : {wrapped, opened, moved}) {
    const auto records = records_of(reply.request_id);
    REQUIRE(records.size() == 1);
    CHECK(records.front()["suite"] == 3);
  }
  // It wraps no keys.
  const json wrapped_key = {
      {"name", "tpm/wrapped"}, {"algorithm", "ecdsa-p256-sha256"}, {"residency", "wrapped"}};
  CHECK(client("admin").post("/v1/keys", wrapped_key).status == 501);
  // The operator left no more.
  const Reply none = create("tpm/more", "aes-256-gcm-host");
  CHECK(none.status == 501);
  CHECK(none.body["detail"].get<std::string>().find("docs/tpm.md") != std::string::npos);

  // After an end and a start the same keys, the same catalog, the same log.
  REQUIRE(stop() == 0);
  CHECK(run({whole::keyward(), "audit", "verify", path("audit")}).exit == 0);
  serve();
  Client again = client("app");
  const Reply later = again.post("/v1/unwrap", {{"blob", moved.body["blob"]}, {"context", bound}});
  REQUIRE(later.status == 200);
  CHECK(from_base64(later.body["plaintext"]) == "text");

  // The TPM goes away in the middle, and the service brings it up again without a restart.
  REQUIRE(stop() == 0);
  const std::string module = from_environment("KEYWARD_TPM_MODULE");
  edit("keyward.yaml", module, KEYWARD_SHIM_PATH);
  write("rules", "");
  serve({{"KEYWARD_SHIM_MODULE", module}, {"KEYWARD_SHIM_RULES_FILE", path("rules")}});
  write("rules.new", "lose-token C_Sign 1 500ms\n");
  std::filesystem::rename(*this / "rules.new", *this / "rules");
  const json moved_ask = {{"blob", moved.body["blob"]}, {"context", bound}};
  await("out of service", [&] {
    (void)client("app").post("/v1/unwrap", moved_ask);
    return log().find("the token is taken out of service") != std::string::npos;
  });
  await("the blob opens again", [&] {
    const Reply reply = client("app").post("/v1/unwrap", moved_ask);
    if (reply.status == 200) return from_base64(reply.body["plaintext"]) == "text";
    REQUIRE(reply.status == 503);
    return false;
  });
  CHECK(log().find("the token is in service, epoch 2") != std::string::npos);
  REQUIRE(stop() == 0);
  edit("keyward.yaml", KEYWARD_SHIM_PATH, module);
  serve();

  // Switched off, its keys are refused, and the others work on.
  REQUIRE(stop() == 0);
  edit("keyward.yaml", "  allow_suite_3: true\n", "");
  serve();
  CHECK(client("app").post("/v1/unwrap", ask).status == 409);
  CHECK(create("tpm/off", "aes-256-gcm-host").status == 409);
  CHECK(client("app")
            .post("/v1/mac", {{"key", "tpm/mac"}, {"message", base64("text")}})
            .body["mac"] == mac.body["mac"]);
  REQUIRE(stop() == 0);
}

}  // namespace kw::whole
