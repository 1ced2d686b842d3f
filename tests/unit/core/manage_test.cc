// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "base/file.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {

TEST_CASE_METHOD(DoorFixture, "create: the intent is on record before the key, the outcome after",
                 "[core][manage]") {
  make_key("app/one", "ecdsa-p256-sha256");
  std::vector<Line> lines = records();
  REQUIRE(lines.size() >= 2);
  Line& intent = lines[lines.size() - 2];
  Line& outcome = lines[lines.size() - 1];
  CHECK(intent["phase"] == "intent");
  CHECK(intent.count("outcome") == 0);
  CHECK(outcome["phase"] == "outcome");
  CHECK(outcome["outcome"] == "ok");
  CHECK(intent["key_id"] == outcome["key_id"]);
}

TEST_CASE_METHOD(DoorFixture, "create: refuses what it must, each with its code",
                 "[core][manage]") {
  make_key("app/one", "hmac-sha256");
  const auto create = [this](const char* who, const char* key, const char* algorithm) {
    return opened(door->create_key(call_as(who), {name(key), algorithm, {}}));
  };
  CHECK_CODE(create("admin", "app/one", "hmac-sha256"), Code::AlreadyExists);
  CHECK_CODE(create("admin", "app/two", "des"), Code::InvalidArgument);
  CHECK_CODE(create("admin", "keyward/service", "hmac-sha256"), Code::InvalidArgument);
  CHECK_CODE(create("app", "app/two", "hmac-sha256"), Code::PermissionDenied);
  CHECK_CODE(create("nobody", "app/one", "hmac-sha256"), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture,
                 "create: what the token cannot make is Unimplemented and leaves nothing",
                 "[core][manage][fault]") {
  hsm.rules("fail C_GenerateKeyPair 1 CKR_MECHANISM_INVALID");
  const CreateKey request{name("app/one"), "ed25519", {}};
  CHECK_CODE(opened(door->create_key(call_as("admin"), request)), Code::Unimplemented);
  hsm.clear();
  CHECK(opened(door->create_key(call_as("admin"), request)));
}

TEST_CASE_METHOD(DoorFixture, "create: a token that dies in the middle leaves the name free",
                 "[core][manage][fault]") {
  for (const char* const rule :
       {"fail C_GenerateKey 1 CKR_DEVICE_ERROR", "fail C_GetAttributeValue 1 CKR_DEVICE_ERROR"}) {
    close();  // the healer's look at the failure before must not meet this rule
    open();
    hsm.rules(rule);
    const CreateKey request{name("app/one"), "xaes-256-gcm", {}};
    CHECK_CODE(opened(door->create_key(call_as("admin"), request)), Code::Unavailable);
    hsm.clear();
    CHECK_CODE(opened(door->show_key(call_as("app"), name("app/one"))), Code::NotFound);
  }
  CHECK(opened(door->create_key(call_as("admin"), {name("app/one"), "xaes-256-gcm", {}})));
}

// The catalog asks the token for a MAC of each row: so this fails at each step of a creation in
// turn, publishing among them, which comes when the key is in the token already.
TEST_CASE_METHOD(DoorFixture,
                 "create: whichever MAC of the catalog fails, the name is free after it",
                 "[core][manage][fault]") {
  hsm.rules("");
  make_key("app/one", "xaes-256-gcm");
  const unsigned long steps = hsm.count("C_SignInit");
  int failed_with_material = 0;
  for (unsigned long step = 1; step <= steps; ++step) {
    INFO("step " << step);
    close();  // the healer's look at the failure before must not meet this rule
    open();
    hsm.rules("fail C_SignInit " + std::to_string(step) + " CKR_FUNCTION_FAILED");
    const CreateKey request{name("app/step" + std::to_string(step)), "xaes-256-gcm", {}};
    const auto made = opened(door->create_key(call_as("admin"), request));
    const bool has_material = hsm.count("C_GenerateKey") > 0;
    hsm.clear();
    if (made) continue;  // a checkpoint was signed meanwhile, and met the rule
    failed_with_material += has_material ? 1 : 0;
    CHECK(made.error().code() == Code::Unavailable);
    CHECK_CODE(opened(door->show_key(call_as("app"), request.name)), Code::NotFound);
    CHECK(opened(door->create_key(call_as("admin"), request)));
  }
  CHECK(failed_with_material > 0);
}

TEST_CASE_METHOD(DoorFixture, "create: what could not be removed at once is removed by the upkeep",
                 "[core][manage][fault]") {
  hsm.rules(
      "fail C_GetAttributeValue 1 CKR_KEY_FUNCTION_NOT_PERMITTED;"
      "fail C_DestroyObject * CKR_FUNCTION_FAILED; fail C_FindObjectsInit * CKR_FUNCTION_FAILED");
  const CreateKey request{name("app/one"), "xaes-256-gcm", {}};
  CHECK_FALSE(opened(door->create_key(call_as("admin"), request)));
  CHECK_CODE(opened(door->create_key(call_as("admin"), request)), Code::Unavailable);
  hsm.clear();
  const Deadline bound = deadline_in(std::chrono::seconds(120));
  while (!opened(door->create_key(call_as("admin"), request))) {
    REQUIRE_FALSE(has_passed(bound));
    door->maintain();
  }
}

// A version that nobody is making any more is no reason to say "another one is being created".
TEST_CASE_METHOD(DoorFixture, "rotate: what could not be removed at once is removed by the next",
                 "[core][manage][fault]") {
  make_key("app/one", "xaes-256-gcm");
  hsm.rules(
      "fail C_GetAttributeValue 1 CKR_KEY_FUNCTION_NOT_PERMITTED;"
      "fail C_DestroyObject * CKR_FUNCTION_FAILED; fail C_FindObjectsInit * CKR_FUNCTION_FAILED");
  CHECK_FALSE(opened(door->rotate_key(call_as("admin"), name("app/one"))));
  CHECK_CODE(opened(door->rotate_key(call_as("admin"), name("app/one"))), Code::Unavailable);
  hsm.clear();
  const Deadline bound = deadline_in(std::chrono::seconds(120));
  for (;;) {
    const auto rotated = opened(door->rotate_key(call_as("admin"), name("app/one")));
    if (rotated) break;
    CHECK(rotated.error().code() == Code::Unavailable);
    REQUIRE_FALSE(has_passed(bound));
  }
  CHECK(REQUIRE_OK(opened(door->show_key(call_as("app"), name("app/one")))).key->versions.size() ==
        2);
}

TEST_CASE_METHOD(DoorFixture, "rotate: the new version produces, the old one still opens",
                 "[core][manage]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes old_blob = wrap("app/one", "x", {});
  const KeyView rotated = REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/one"))));
  REQUIRE(rotated->versions.size() == 2);
  CHECK(rotated->primary()->number == Version{2});
  CHECK(opened(door->unwrap(call_as("app"), {old_blob, {}, std::nullopt})));
  CHECK_CODE(opened(door->rotate_key(call_as("app"), name("app/one"))), Code::PermissionDenied);
  CHECK_CODE(opened(door->rotate_key(call_as("admin"), name("app/none"))), Code::NotFound);
}

TEST_CASE_METHOD(DoorFixture, "disable: a key without an enabled version produces nothing (47)",
                 "[core][manage]") {
  make_key("app/one", "xaes-256-gcm");
  REQUIRE_OK(opened(door->disable_key(call_as("admin"), {name("app/one"), std::nullopt})));
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::FailedPrecondition);
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
  REQUIRE_OK(opened(door->enable_key(call_as("admin"), {name("app/one"), std::nullopt})));
  CHECK(opened(door->wrap(call_as("app"), request)));
  CHECK_CODE(opened(door->disable_key(call_as("admin"), {name("app/one"), Version{9}})),
             Code::NotFound);
  CHECK_CODE(opened(door->disable_key(call_as("app"), {name("app/one"), std::nullopt})),
             Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "list: shows what the caller may see, page by page",
                 "[core][manage]") {
  for (const char* const key : {"app/a", "app/b", "app/c", "other/a"}) make_key(key, "hmac-sha256");
  const KeyPage first = REQUIRE_OK(opened(door->list_keys(call_as("app"), {"", "", 2})));
  REQUIRE(first.keys.size() == 2);
  CHECK(first.next == "app/b");
  const KeyPage second = REQUIRE_OK(opened(door->list_keys(call_as("app"), {"", first.next, 2})));
  REQUIRE(second.keys.size() == 1);
  CHECK(second.keys[0]->name.text() == "app/c");
  CHECK(second.next.empty());
  const KeyPage all = REQUIRE_OK(opened(door->list_keys(call_as("admin"), {"other/", "", 100})));
  CHECK(all.keys.size() == 1);
  CHECK_CODE(opened(door->list_keys(call_as("nobody"), {"", "", 2})), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "backend: keys and blobs live on after a restart",
                 "[core][backend]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "attack at dawn", {});
  close();
  open();
  const Unwrapped result =
      REQUIRE_OK(opened(door->unwrap(call_as("app"), {blob, {}, std::nullopt})));
  CHECK(as_text(result.plaintext.reveal()) == "attack at dawn");
}

TEST_CASE_METHOD(DoorFixture, "backend: a lost catalog is not papered over", "[core][backend]") {
  make_key("app/one", "xaes-256-gcm");
  close();
  std::filesystem::remove(folder / "catalog.db");
  CHECK_CODE(try_open(), Code::FailedPrecondition);
}

TEST_CASE_METHOD(DoorFixture, "backend: a stray marker of a first start destroys nothing",
                 "[core][backend]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "attack at dawn", {});
  close();
  const std::filesystem::path marker = folder / "catalog.db.founding";
  REQUIRE_OK(write_file(marker, ""));
  open();
  CHECK_FALSE(std::filesystem::exists(marker));
  CHECK(opened(door->unwrap(call_as("app"), {blob, {}, std::nullopt})));
}

TEST_CASE_METHOD(DoorFixture, "backend: a first start that was cut short is done again",
                 "[core][backend]") {
  close();
  std::filesystem::remove(folder / "catalog.db");
  std::filesystem::remove_all(folder / "audit");
  REQUIRE_OK(write_file(folder / "catalog.db.founding", ""));
  open();
  CHECK_FALSE(std::filesystem::exists(folder / "catalog.db.founding"));
  make_key("app/one", "xaes-256-gcm");
}

TEST_CASE_METHOD(DoorFixture, "backend: a marker in a catalog's place starts no empty catalog",
                 "[core][backend]") {
  make_key("app/one", "xaes-256-gcm");
  close();
  std::filesystem::rename(folder / "catalog.db", folder / "catalog.saved");
  REQUIRE_OK(write_file(folder / "catalog.db.founding", ""));
  CHECK_CODE(try_open(), Code::FailedPrecondition);
  CHECK_FALSE(std::filesystem::exists(folder / "catalog.db"));
  std::filesystem::rename(folder / "catalog.saved", folder / "catalog.db");
  open();
  CHECK(opened(door->show_key(call_as("app"), name("app/one"))));
}

TEST_CASE_METHOD(DoorFixture, "backend: nor does a marker beside a catalog that was emptied",
                 "[core][backend]") {
  make_key("app/one", "xaes-256-gcm");
  close();
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(folder / (std::string("catalog.db") + suffix));
  }
  std::filesystem::resize_file(folder / "catalog.db", 0);
  REQUIRE_OK(write_file(folder / "catalog.db.founding", ""));
  CHECK_FALSE(try_open().has_value());
}

TEST_CASE_METHOD(DoorFixture, "backend: an audit folder that cannot be looked at stops the start",
                 "[core][backend]") {
  close();
  std::filesystem::remove(folder / "catalog.db");
  std::filesystem::remove_all(folder / "audit");
  std::filesystem::create_symlink("audit", folder / "audit");  // to itself: ELOOP
  CHECK_CODE(try_open(), Code::Unavailable);
}

TEST_CASE_METHOD(DoorFixture, "backend: a token that says OK and finds nothing is no first start",
                 "[core][backend][fault]") {
  make_key("app/one", "xaes-256-gcm");
  close();
  for (const auto& token : std::filesystem::directory_iterator(hsm.token_directory())) {
    if (!token.is_directory()) continue;
    for (const auto& file : std::filesystem::directory_iterator(token.path())) {
      const std::string name = file.path().filename().string();
      if (name.ends_with(".object") && name != "token.object") std::filesystem::remove(file.path());
    }
  }
  CHECK_CODE(try_open(), Code::FailedPrecondition);
  CHECK(std::filesystem::exists(folder / "catalog.db"));
  // Nor with a marker: the catalog's rows do not fit a new service key.
  REQUIRE_OK(write_file(folder / "catalog.db.founding", ""));
  CHECK_FALSE(try_open().has_value());
  CHECK(std::filesystem::exists(folder / "catalog.db"));
}

TEST_CASE_METHOD(DoorFixture, "backend: a login that was cut short loses no token",
                 "[core][backend][fault]") {
  make_key("app/one", "xaes-256-gcm");
  close();
  std::filesystem::path object;
  for (const auto& token : std::filesystem::directory_iterator(hsm.token_directory())) {
    if (token.is_directory()) object = token.path() / "token.object";
  }
  const std::string whole = REQUIRE_OK(read_file(object));
  std::string torn;
  SECTION("killed behind the truncation") {}
  SECTION("power lost: zeros") { torn = std::string(whole.size(), '\0'); }
  SECTION("power lost: a part") { torn = whole.substr(0, whole.size() - 9); }
  SECTION("power lost: whole attributes, but not all") { torn = whole.substr(0, 8 + 64 - 8); }
  REQUIRE_OK(write_file(object, torn));
  open();
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK(opened(door->wrap(call_as("app"), request)));
}

TEST_CASE_METHOD(DoorFixture, "backend: a policy that fails its own tests is not activated (50)",
                 "[core][backend][policy]") {
  const std::string everything = R"(version: keyward-policy/1
rules:
  - {id: all, allow: [use], to: ["*"], keys: ["**"]}
tests:
  - {as: {spiffe: "spiffe://keyward.test/nobody"}, do: wrap, key: app/one, expect: deny}
)";
  for (const std::string& text : {everything, std::string("version: [")}) {
    write_policy_file(text);
    CHECK_FALSE(backend->stage_policy().has_value());
  }
  make_key("app/one", "xaes-256-gcm");
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "policy: a new one decides what is executed after it (53)",
                 "[core][policy]") {
  make_key("app/one", "xaes-256-gcm");
  const Call queued = call_as("app");  // it waits while the policy changes
  const std::string closed = "version: keyward-policy/1\nrules: []\n";
  CHECK_CODE(opened(door->write_policy(call_as("app"), closed)), Code::PermissionDenied);
  CHECK_CODE(opened(door->write_policy(call_as("admin"), "version: [")), Code::InvalidArgument);
  const std::string kept = REQUIRE_OK(opened(door->read_policy(call_as("admin")))).text;
  CHECK(kept == kPolicy);
  REQUIRE_OK(opened(door->write_policy(call_as("admin"), closed)));
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(queued, request)), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "explain: names the rule, or what was missing", "[core][policy]") {
  make_key("tenant/a", "xaes-256-gcm");
  ExplainPolicy question;
  question.spiffe = {"spiffe://keyward.test/app"};
  question.operation = "wrap";
  question.key = "tenant/a";
  question.context = context({{"tenant", "7"}});
  const auto yes = REQUIRE_OK(opened(door->explain_policy(call_as("admin"), question)));
  CHECK(yes.allowed);
  CHECK(yes.rule == "tenant");
  question.context = Context();
  const auto no = REQUIRE_OK(opened(door->explain_policy(call_as("admin"), question)));
  CHECK_FALSE(no.allowed);
  CHECK_FALSE(no.near_misses.empty());
  CHECK_CODE(opened(door->explain_policy(call_as("app"), question)), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "explain: knows of a key what a real call knows", "[core][policy]") {
  make_key("app/lock", "xaes-256-gcm");
  REQUIRE_OK(opened(door->write_policy(call_as("admin"), R"(version: keyward-policy/1
principals:
  admin: {spiffe: "spiffe://keyward.test/admin"}
  app: {spiffe: "spiffe://keyward.test/app"}
rules:
  - {id: manage, allow: [admin, read-policy], to: [admin], keys: ["**"]}
  - {id: live, allow: [wrap], to: [app], keys: ["**"], when: {state: [enabled], algorithm: [xaes-256-gcm]}}
)")));
  ExplainPolicy question;
  question.spiffe = {"spiffe://keyward.test/app"};
  question.operation = "wrap";
  question.key = "app/lock";
  CHECK(REQUIRE_OK(opened(door->explain_policy(call_as("admin"), question))).rule == "live");
  REQUIRE_OK(opened(door->disable_key(call_as("admin"), {name("app/lock"), std::nullopt})));
  const auto disabled = REQUIRE_OK(opened(door->explain_policy(call_as("admin"), question)));
  CHECK_FALSE(disabled.allowed);
  REQUIRE(disabled.near_misses.size() == 1);
  CHECK(disabled.near_misses.front().find("disabled") != std::string::npos);
  question.key = "app/none";  // of which nothing is known
  CHECK_FALSE(REQUIRE_OK(opened(door->explain_policy(call_as("admin"), question))).allowed);
}

}  // namespace kw::core
