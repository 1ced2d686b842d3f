// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

Unwrap unwrap_of(Bytes blob, Context context = {}, std::optional<KeyName> key = std::nullopt) {
  return {std::move(blob), std::move(context), std::move(key)};
}

}  // namespace

TEST_CASE_METHOD(DoorFixture, "wrap: what it makes opens with the same context alone",
                 "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  const Context bound = context({{"tenant", "7"}, {"purpose", "test"}});
  const Bytes blob = wrap("app/one", "attack at dawn", bound);
  const Unwrapped opened_blob =
      REQUIRE_OK(opened(door->unwrap(call_as("app"), unwrap_of(blob, bound))));
  CHECK(as_text(opened_blob.plaintext.reveal()) == "attack at dawn");
  CHECK(opened_blob.key.text() == "app/one");
  CHECK(last_record()["outcome"] == "ok");
  const auto other = opened(door->unwrap(call_as("app"), unwrap_of(blob)));
  CHECK_CODE(other, Code::InvalidArgument);
  CHECK(last_record()["reason"] == "tag or context");
}

TEST_CASE_METHOD(DoorFixture, "wrap: is on record with a MAC in the context's place",
                 "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  wrap("app/one", "attack at dawn", context({{"tenant", "canary-context"}}));
  Line record = last_record();
  CHECK(record["operation"] == "wrap");
  CHECK(record["caller"] == "spiffe://keyward.test/app");
  CHECK(record["key"] == "app/one");
  CHECK(record["version"] == "1");
  CHECK(record["rule"] == "work");
  CHECK(record["bytes_in"] == "14");
  CHECK(record["source"] == "192.0.2.7");
  CHECK(record["context_mac"].size() == 64);
  for (const auto& [field, text] : record) CHECK(text.find("canary") == std::string::npos);
}

TEST_CASE_METHOD(DoorFixture, "wrap: denied is denied whether the key exists or not (49)",
                 "[core][blobs][policy]") {
  make_key("app/one", "xaes-256-gcm");
  const auto attempt = [this](const char* who, const char* key) {
    const Wrap request{name(key), Secret::copy_of(as_bytes("x")), {}};
    return opened(door->wrap(call_as(who), request));
  };
  const auto existing = attempt("nobody", "app/one");
  const auto missing = attempt("nobody", "app/none");
  CHECK_CODE(existing, Code::PermissionDenied);
  CHECK_CODE(missing, Code::PermissionDenied);
  CHECK(existing.error().advice() == missing.error().advice());
  CHECK(last_record()["outcome"] == "permission_denied");
  CHECK_CODE(attempt("app", "app/none"), Code::NotFound);
}

TEST_CASE_METHOD(DoorFixture, "wrap: deny wins, and the record names the rule (51)",
                 "[core][blobs][policy]") {
  make_key("app/frozen", "xaes-256-gcm");
  const Wrap request{name("app/frozen"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::PermissionDenied);
  CHECK(last_record()["rule"] == "frozen");
  CHECK(last_record()["reason"] == "denied by rule");
}

TEST_CASE_METHOD(DoorFixture, "wrap: a context value is taken literally (52)",
                 "[core][blobs][policy]") {
  make_key("tenant/a", "xaes-256-gcm");
  const auto attempt = [this](const char* value) {
    const Wrap request{name("tenant/a"), Secret::copy_of(as_bytes("x")),
                       context({{"tenant", value}})};
    return opened(door->wrap(call_as("app"), request));
  };
  CHECK(attempt("7"));
  CHECK_CODE(attempt("*"), Code::PermissionDenied);
  CHECK_CODE(attempt("?"), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "unwrap: every failure is one and the same refusal (55, 56, 59)",
                 "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  make_key("app/two", "xaes-256-gcm");
  make_key("tenant/a", "xaes-256-gcm");
  const Bytes good = wrap("app/one", "attack at dawn", {});
  std::vector<Unwrap> bad;
  bad.push_back(unwrap_of({}));
  bad.push_back(unwrap_of(Bytes(good.begin(), good.end() - 1)));
  Bytes longer = good;
  longer.push_back(0);
  bad.push_back(unwrap_of(longer));
  for (const std::size_t at : {0u, 3u, 4u, 5u, 6u, 25u, 26u, 49u, 50u}) {
    Bytes flipped = good;
    flipped[at] ^= 1;
    bad.push_back(unwrap_of(flipped));
  }
  bad.push_back(unwrap_of(good, context({{"a", "b"}})));
  bad.push_back(unwrap_of(good, {}, name("app/two")));
  bad.push_back(unwrap_of(good, {}, name("app/none")));
  std::string advice;
  for (const Unwrap& request : bad) {
    const auto result = opened(door->unwrap(call_as("app"), request));
    CHECK_CODE(result, Code::InvalidArgument);
    if (advice.empty()) advice = result.error().advice();
    CHECK(result.error().advice() == advice);
  }
}

TEST_CASE_METHOD(DoorFixture, "unwrap: a key of somebody else looks like no key",
                 "[core][blobs][policy]") {
  make_key("tenant/a", "xaes-256-gcm");
  const Wrap request{name("tenant/a"), Secret::copy_of(as_bytes("x")), context({{"tenant", "7"}})};
  const Bytes blob = REQUIRE_OK(opened(door->wrap(call_as("app"), request))).blob;
  const auto forbidden = opened(door->unwrap(call_as("app"), unwrap_of(blob)));
  Bytes unknown = blob;
  unknown[10] ^= 1;  // in the key id
  const auto missing = opened(door->unwrap(call_as("app"), unwrap_of(unknown)));
  CHECK_CODE(forbidden, Code::InvalidArgument);
  CHECK_CODE(missing, Code::InvalidArgument);
  CHECK(forbidden.error().advice() == missing.error().advice());
}

TEST_CASE_METHOD(DoorFixture, "unwrap: who may unwrap nothing is told so",
                 "[core][blobs][policy]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "x", {});
  CHECK_CODE(opened(door->unwrap(call_as("nobody"), unwrap_of(blob))), Code::PermissionDenied);
  CHECK_CODE(opened(door->unwrap(call_as("nobody"), unwrap_of({}))), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "unwrap: a disabled version is a failed precondition until enabled",
                 "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "x", {});
  REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/one"))));
  const KeyTarget first{name("app/one"), Version{1}};
  REQUIRE_OK(opened(door->disable_key(call_as("admin"), first)));
  CHECK_CODE(opened(door->unwrap(call_as("app"), unwrap_of(blob))), Code::FailedPrecondition);
  REQUIRE_OK(opened(door->enable_key(call_as("admin"), first)));
  CHECK(opened(door->unwrap(call_as("app"), unwrap_of(blob))));
}

TEST_CASE_METHOD(DoorFixture, "rewrap: moves a blob to the newest version and another context",
                 "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  const Context old_context = context({{"a", "1"}});
  const Context new_context = context({{"a", "2"}});
  const Bytes blob = wrap("app/one", "attack at dawn", old_context);
  REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/one"))));
  const Wrapped moved = REQUIRE_OK(
      opened(door->rewrap(call_as("app"), {blob, old_context, std::nullopt, new_context})));
  CHECK(moved.version == Version{2});
  const Unwrapped result =
      REQUIRE_OK(opened(door->unwrap(call_as("app"), unwrap_of(moved.blob, new_context))));
  CHECK(as_text(result.plaintext.reveal()) == "attack at dawn");
  CHECK_CODE(opened(door->unwrap(call_as("app"), unwrap_of(moved.blob, old_context))),
             Code::InvalidArgument);
  CHECK_CODE(opened(door->rewrap(call_as("app"), {blob, {}, std::nullopt, std::nullopt})),
             Code::InvalidArgument);
}

TEST_CASE_METHOD(DoorFixture, "data-key: its blob unwraps to its plaintext", "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  const DataKey made =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/one"), 64, {}, true})));
  REQUIRE(made.plaintext.has_value());
  const Unwrapped result = REQUIRE_OK(opened(door->unwrap(call_as("app"), unwrap_of(made.blob))));
  CHECK(ct_equal(result.plaintext.reveal(), made.plaintext->reveal()));
  const DataKey blind =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/one"), 16, {}, false})));
  CHECK_FALSE(blind.plaintext.has_value());
}

TEST_CASE_METHOD(DoorFixture, "wrap: a key of another purpose is refused", "[core][blobs]") {
  make_key("app/mac", "hmac-sha256");
  const Wrap request{name("app/mac"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::InvalidArgument);
  CHECK(last_record()["reason"] == "wrong purpose");
}

TEST_CASE_METHOD(DoorFixture, "wrap: a token that fails is Unavailable, once",
                 "[core][blobs][fault]") {
  make_key("app/one", "xaes-256-gcm");
  wrap("app/one", "x", {});
  hsm.rules("fail C_Encrypt 1 CKR_DEVICE_ERROR");
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::Unavailable);
  CHECK(last_record()["outcome"] == "unavailable");
  hsm.clear();
  CHECK(opened(door->wrap(call_as("app"), request)));
}

TEST_CASE_METHOD(DoorFixture, "unwrap: a token that fails is no fault of the blob's",
                 "[core][blobs][fault]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "x", {});
  hsm.rules("fail C_Decrypt * CKR_GENERAL_ERROR");
  CHECK_CODE(opened(door->unwrap(call_as("app"), unwrap_of(blob))), Code::Unavailable);
  hsm.clear();
  // It may have been taken out of service meanwhile, and comes back by itself.
  const Deadline bound = deadline_in(std::chrono::seconds(120));
  while (!opened(door->unwrap(call_as("app"), unwrap_of(blob)))) {
    REQUIRE_FALSE(has_passed(bound));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST_CASE_METHOD(DoorFixture, "unwrap: a token that is sick for one call accuses no caller",
                 "[core][blobs][fault]") {
  make_key("app/one", "xaes-256-gcm");
  const Bytes blob = wrap("app/one", "x", {});
  const std::string rule = GENERATE("fail C_Decrypt 1 CKR_GENERAL_ERROR after",
                                    "fail C_Decrypt 1 CKR_ENCRYPTED_DATA_INVALID after",
                                    "fail C_DecryptInit 1 CKR_FUNCTION_FAILED");
  INFO(rule);
  hsm.rules(rule);
  CHECK(opened(door->unwrap(call_as("app"), unwrap_of(blob))));
}

TEST_CASE_METHOD(DoorFixture, "wrap: what is asked too late is not done", "[core][blobs]") {
  make_key("app/one", "xaes-256-gcm");
  hsm.clear();
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app", Clock::now()), request)), Code::DeadlineExceeded);
  CHECK(hsm.count("C_Encrypt") == 0);
}

}  // namespace kw::core
