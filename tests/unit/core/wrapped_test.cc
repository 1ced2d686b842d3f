// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

struct WrappedDoor : DoorFixture {
  Result<KeyView> try_wrapped(const std::string& text, const std::string& algorithm,
                              const std::string& who = "admin") {
    return opened(
        door->create_key(call_as(who), {name(text), algorithm, {}, keys::Residency::Wrapped}));
  }
  KeyView make_wrapped(const std::string& text, const std::string& algorithm) {
    return REQUIRE_OK(try_wrapped(text, algorithm));
  }
  Result<Wrapped> try_wrap(const std::string& key) {
    const Wrap request{name(key), Secret::copy_of(as_bytes("text")), {}};
    return opened(door->wrap(call_as("app"), request));
  }
  Sign sign_request(const std::string& key) {
    return {name(key), Message{Secret::copy_of(as_bytes("text"))}, SignatureEncoding::Der};
  }

  // The healer may write records of its own at any time.
  Line last_record_of(const std::string& op) {
    const std::vector<Line> lines = records();
    const auto found = std::find_if(lines.rbegin(), lines.rend(),
                                    [&op](Line line) { return line["operation"] == op; });
    REQUIRE(found != lines.rend());
    return *found;
  }

  // The files of the token's objects, but for the token's own.
  std::set<std::filesystem::path> objects() const {
    std::set<std::filesystem::path> found;
    for (const auto& file : std::filesystem::recursive_directory_iterator(hsm.token_directory())) {
      if (file.path().extension() == ".object" && file.path().stem() != "token") {
        found.insert(file.path());
      }
    }
    return found;
  }

  // Closes, lets `change` at the objects that were made since `before`, and opens again.
  template <typename Change>
  void while_closed(const std::set<std::filesystem::path>& before, Change change) {
    close();
    for (const auto& file : objects()) {
      if (!before.contains(file)) change(file);
    }
    open();
  }
};

void remove_object(const std::filesystem::path& file) { std::filesystem::remove(file); }

}  // namespace

TEST_CASE_METHOD(WrappedDoor, "wrapped: a wrap key goes through its whole life",
                 "[core][wrapped]") {
  const KeyView made = make_wrapped("app/one", "xaes-256-gcm");
  CHECK(made->residency == keys::Residency::Wrapped);
  const Bytes blob = wrap("app/one", "text", context({{"a", "b"}}));
  const Unwrap request{blob, context({{"a", "b"}}), std::nullopt};
  close();
  open();
  CHECK(as_text(REQUIRE_OK(opened(door->unwrap(call_as("app"), request))).plaintext.reveal()) ==
        "text");
  const KeyView turned = REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/one"))));
  REQUIRE(turned->versions.size() == 2);
  CHECK(turned->versions[0].wrapped != turned->versions[1].wrapped);
  CHECK(turned->versions[1].kek == Version{1});
  CHECK(REQUIRE_OK(try_wrap("app/one")).version == Version{2});
  const Wrapped again = REQUIRE_OK(opened(
      door->rewrap(call_as("app"), {blob, context({{"a", "b"}}), std::nullopt, std::nullopt})));
  CHECK(again.version == Version{2});
  const DataKey data =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/one"), 32, {}, true})));
  const Unwrap data_blob{data.blob, {}, std::nullopt};
  CHECK(REQUIRE_OK(opened(door->unwrap(call_as("app"), data_blob))).plaintext.reveal().size() ==
        32);
  REQUIRE_OK(opened(door->disable_key(call_as("admin"), {name("app/one"), Version{1}})));
  CHECK_CODE(opened(door->unwrap(call_as("app"), request)), Code::FailedPrecondition);
  close();
  open();
  CHECK_CODE(opened(door->unwrap(call_as("app"), request)), Code::FailedPrecondition);
  REQUIRE_OK(opened(door->enable_key(call_as("admin"), {name("app/one"), std::nullopt})));
  CHECK(opened(door->unwrap(call_as("app"), request)));
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: signing and MAC keys work, before and after a restart",
                 "[core][wrapped]") {
  for (const char* algorithm :
       {"rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384",
        "ecdsa-p521-sha512", "hmac-sha256", "hmac-sha512"}) {
    make_wrapped(std::string("app/") + algorithm, algorithm);
  }
  for (int start = 0; start < 2; ++start) {
    for (const char* algorithm : {"rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256",
                                  "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512"}) {
      INFO(algorithm);
      const std::string key = std::string("app/") + algorithm;
      const Signed made = REQUIRE_OK(opened(door->sign(call_as("app"), sign_request(key))));
      const Verify request{name(key), std::nullopt, Message{Secret::copy_of(as_bytes("text"))},
                           made.signature, SignatureEncoding::Der};
      CHECK(REQUIRE_OK(opened(door->verify(call_as("app"), request))).valid);
      CHECK_FALSE(REQUIRE_OK(opened(door->public_key(call_as("app"), {name(key), std::nullopt})))
                      .subject_public_key_info.empty());
    }
    for (const char* algorithm : {"hmac-sha256", "hmac-sha512"}) {
      const std::string key = std::string("app/") + algorithm;
      const ComputeMac request{name(key), Secret::copy_of(as_bytes("text"))};
      const Mac made = REQUIRE_OK(opened(door->mac(call_as("app"), request)));
      const VerifyMac check{name(key), std::nullopt, Secret::copy_of(as_bytes("text")), made.mac};
      CHECK(REQUIRE_OK(opened(door->verify_mac(call_as("app"), check))).valid);
    }
    close();
    open();
  }
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: creation refuses what it must, each with its code",
                 "[core][wrapped]") {
  const auto edwards = try_wrapped("app/ed", "ed25519");
  CHECK_CODE(edwards, Code::Unimplemented);
  CHECK(edwards.error().advice().find("cannot be wrapped") != std::string::npos);
  CHECK_CODE(try_wrapped("app/one", "xaes-256-gcm", "app"), Code::PermissionDenied);
  CHECK_CODE(try_wrapped("app/one", "des"), Code::InvalidArgument);
  CHECK_CODE(try_wrapped("keyward/kek-aes", "xaes-256-gcm"), Code::InvalidArgument);
  make_wrapped("app/one", "xaes-256-gcm");
  CHECK_CODE(try_wrapped("app/one", "xaes-256-gcm"), Code::AlreadyExists);
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: many keys cost the token one object", "[core][wrapped]") {
  make_wrapped("app/first", "hmac-sha256");
  const auto before = objects();
  for (int i = 0; i < 40; ++i) make_wrapped("app/" + std::to_string(i), "hmac-sha256");
  CHECK(objects() == before);
  close();
  hsm.clear();
  open();
  CHECK(hsm.count("C_UnwrapKey") == 1);  // the canary's, however many keys there are
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: a KEK that is lost is an outage and never made anew",
                 "[core][wrapped][fault]") {
  const auto before = objects();
  make_wrapped("app/one", "xaes-256-gcm");
  while_closed(before, remove_object);
  const auto without = objects();
  CHECK_CODE(try_wrap("app/one"), Code::Unavailable);
  CHECK(last_record_of("wrap")["outcome"] == "unavailable");
  CHECK_CODE(try_wrapped("app/two", "xaes-256-gcm"), Code::Unavailable);
  CHECK_CODE(opened(door->rotate_key(call_as("admin"), name("app/one"))), Code::Unavailable);
  CHECK(objects() == without);
  CHECK(opened(door->show_key(call_as("app"), name("app/one"))));
  CHECK_CODE(opened(door->show_key(call_as("app"), name("app/two"))), Code::NotFound);
  make_wrapped("app/mac", "hmac-sha256");  // its KEK is another
}

TEST_CASE_METHOD(WrappedDoor,
                 "wrapped: a KEK that was changed is quarantined, and with it its keys",
                 "[core][wrapped][attack]") {
  make_wrapped("app/mac", "hmac-sha256");
  make_key("app/token", "xaes-256-gcm");
  const auto before = objects();
  make_wrapped("app/one", "xaes-256-gcm");
  while_closed(before, [](const std::filesystem::path& file) {
    // CKA_EXTRACTABLE, a boolean attribute, in SoftHSM's file: type, kind, value.
    const std::string off("\0\0\0\0\0\0\x01\x62\0\0\0\0\0\0\0\x01\0", 17);
    std::string content = REQUIRE_OK(read_file(file));
    const auto at = content.find(off);
    REQUIRE(at != std::string::npos);
    content[at + off.size() - 1] = '\xff';
    REQUIRE_OK(write_file(file, content));
  });
  CHECK_CODE(try_wrap("app/one"), Code::Unavailable);
  CHECK(last_record_of("wrap")["reason"] == "quarantined");
  CHECK(try_wrap("app/token"));
  CHECK(opened(door->mac(call_as("app"), {name("app/mac"), Secret::copy_of(as_bytes("x"))})));
  const std::vector<Line> lines = records();
  CHECK(std::count_if(lines.begin(), lines.end(), [](Line line) {
          return line["key"] == "keyward/kek-aes" && line["version"] == "1";
        }) == 1);
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: a token that fails in the middle leaves the name free",
                 "[core][wrapped][fault]") {
  make_wrapped("app/first", "xaes-256-gcm");
  const auto before = objects();
  for (const char* rule :
       {"fail C_GenerateKey 1 CKR_DEVICE_ERROR", "fail C_WrapKey 1 CKR_DEVICE_ERROR",
        "fail C_UnwrapKey 1 CKR_DEVICE_ERROR", "fail C_DeriveKey 1 CKR_DEVICE_ERROR"}) {
    INFO(rule);
    close();  // the healer's look at the failure before must not meet this rule
    open();
    hsm.clear();
    hsm.rules(rule);
    CHECK_CODE(try_wrapped("app/one", "xaes-256-gcm"), Code::Unavailable);
    hsm.clear();
    CHECK_CODE(opened(door->show_key(call_as("app"), name("app/one"))), Code::NotFound);
  }
  make_wrapped("app/one", "xaes-256-gcm");
  CHECK(objects() == before);
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: a KEK whose making was cut short is made once",
                 "[core][wrapped][fault]") {
  const auto before = objects();
  for (const char* rule :
       {"fail C_WrapKey 1 CKR_DEVICE_ERROR", "fail C_UnwrapKey 1 CKR_DEVICE_ERROR",
        "fail C_GetAttributeValue 2 CKR_DEVICE_ERROR"}) {
    INFO(rule);
    close();  // the healer's look at the failure before must not meet this rule
    open();
    hsm.clear();
    hsm.rules(rule);
    CHECK_CODE(try_wrapped("app/one", "ecdsa-p256-sha256"), Code::Unavailable);
  }
  hsm.clear();
  make_wrapped("app/one", "ecdsa-p256-sha256");
  CHECK(objects().size() == before.size() + 1);
  close();
  open();
  CHECK(opened(door->sign(call_as("app"), sign_request("app/one"))));
}

TEST_CASE_METHOD(WrappedDoor, "wrapped: a token that was at fault alone quarantines nothing",
                 "[core][wrapped][fault]") {
  make_wrapped("app/one", "hmac-sha256");
  close();
  open();
  const ComputeMac request{name("app/one"), Secret::copy_of(as_bytes("x"))};
  hsm.clear();
  hsm.rules("fail C_UnwrapKey * CKR_WRAPPED_KEY_INVALID");
  CHECK_FALSE(opened(door->mac(call_as("app"), request)));
  hsm.clear();
  door->maintain();
  CHECK(opened(door->mac(call_as("app"), request)));
}

}  // namespace kw::core
