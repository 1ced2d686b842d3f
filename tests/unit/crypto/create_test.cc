// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/create.h"

#include "service/crypto/mac.h"
#include "service/crypto/sign.h"
#include "service/crypto/wrap.h"
#include "tests/support/signature_oracle.h"
#include "tests/support/token_bench.h"

namespace kw::crypto {
namespace {

constexpr Version kFirst{1};

struct CreateFixture : test::TokenBench {
  Result<void> verified(const keys::Key& key) {
    return verify_version(*bench, key, key.versions.front());
  }
  std::size_t objects_of(const keys::Key& key) {
    const auto fresh = open_bench();
    return REQUIRE_OK(destroy_version(*fresh, key.id, kFirst));
  }
};

}  // namespace

TEST_CASE_METHOD(CreateFixture, "create: makes what verifies, for every kind of algorithm",
                 "[crypto][create]") {
  const std::string name =
      GENERATE(as<std::string>{}, "xaes-256-gcm", "hmac-sha256", "hmac-sha512",
               "rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "ecdsa-p256-sha256",
               "ecdsa-p384-sha384", "ecdsa-p521-sha512", "ed25519");
  INFO(name);
  const keys::Key key = make_key(name);
  const keys::KeyVersion& version = key.versions.front();
  const bool is_pair = key.algorithm->purpose == keys::Purpose::Sign;
  CHECK(version.public_key.empty() == !is_pair);
  CHECK(version.check.empty() == is_pair);
  (void)REQUIRE_OK(verified(key));
  CHECK(objects_of(key) == (is_pair ? 2 : 1));
}

TEST_CASE_METHOD(CreateFixture, "create: the HMAC check value is the MAC of a constant",
                 "[crypto][create]") {
  const keys::Key key = make_key("hmac-sha512");
  const keys::KeyVersion& version = key.versions.front();
  CHECK(version.check == REQUIRE_OK(mac(*bench, key, version, as_bytes("keyward/check/v1"))));
}

TEST_CASE_METHOD(CreateFixture, "create: two versions are two keys", "[crypto][create]") {
  keys::Key key = make_key("xaes-256-gcm");
  const auto second = REQUIRE_OK(create_version(*bench, key, Version{2}));
  CHECK(second.check != key.versions.front().check);
  CHECK(REQUIRE_OK(destroy_version(*bench, key.id, Version{2})) == 1);
  (void)REQUIRE_OK(verified(key));
}

TEST_CASE_METHOD(CreateFixture, "create: says which algorithm the token cannot do",
                 "[crypto][create]") {
  for (const auto& [name, function] :
       {std::pair("xaes-256-gcm", "C_GenerateKey"), std::pair("xaes-256-gcm", "C_DeriveKey"),
        std::pair("hmac-sha256", "C_SignInit"), std::pair("ed25519", "C_GenerateKeyPair")}) {
    const keys::Key key = name_key(name);
    hsm.clear();
    hsm.rules(std::string("fail ") + function + " 1 CKR_MECHANISM_INVALID");
    const auto outcome = create_version(*bench, key, kFirst);
    CHECK_CODE(outcome, Code::Unimplemented);
    CHECK(outcome.error().advice() == std::string("algorithm: this token cannot do ") + name);
    CHECK(objects_of(key) == 0);
  }
}

TEST_CASE_METHOD(CreateFixture, "create: leaves nothing behind where the token fails",
                 "[crypto][create][fault]") {
  for (const auto& [name, function] :
       {std::pair("xaes-256-gcm", "C_GenerateKey"),
        std::pair("xaes-256-gcm", "C_GetAttributeValue"), std::pair("xaes-256-gcm", "C_DeriveKey"),
        std::pair("xaes-256-gcm", "C_EncryptInit"), std::pair("xaes-256-gcm", "C_DecryptInit"),
        std::pair("hmac-sha256", "C_SignInit"), std::pair("ecdsa-p256-sha256", "C_GenerateKeyPair"),
        std::pair("ecdsa-p256-sha256", "C_GetAttributeValue"),
        std::pair("ecdsa-p256-sha256", "C_SignInit")}) {
    INFO(name << " " << function);
    bench = open_bench();
    const keys::Key key = name_key(name);
    hsm.clear();
    hsm.rules(std::string("fail ") + function + " 1 CKR_FUNCTION_FAILED");
    CHECK_CODE(create_version(*bench, key, kFirst), Code::Unavailable);
    hsm.clear();
    CHECK(objects_of(key) == 0);
  }
}

TEST_CASE_METHOD(CreateFixture, "create: never generates twice", "[crypto][create][fault]") {
  const keys::Key key = name_key("hmac-sha256");
  hsm.clear();
  hsm.rules("fail C_GenerateKey * CKR_SESSION_HANDLE_INVALID");
  CHECK_CODE(create_version(*bench, key, kFirst), Code::Unavailable);
  CHECK(hsm.count("C_GenerateKey") == 1);
}

TEST_CASE_METHOD(CreateFixture, "destroy: touches no other key's objects", "[crypto][create]") {
  const keys::Key stays = make_key("ecdsa-p256-sha256");
  const keys::Key goes = make_key("ecdsa-p256-sha256");
  CHECK(REQUIRE_OK(destroy_version(*bench, goes.id, kFirst)) == 2);
  CHECK(REQUIRE_OK(destroy_version(*bench, goes.id, kFirst)) == 0);
  (void)REQUIRE_OK(verified(stays));
  CHECK_CODE(verified(goes), Code::Unavailable);
}

TEST_CASE_METHOD(CreateFixture, "verify version: finds a catalog that says something else",
                 "[crypto][create]") {
  for (const char* name : {"xaes-256-gcm", "hmac-sha256", "ed25519"}) {
    INFO(name);
    const keys::Key good = make_key(name);
    keys::Key other = good;
    keys::KeyVersion& version = other.versions.front();
    (version.check.empty() ? version.public_key : version.check).back() ^= 1;
    CHECK_CODE(verified(other), Code::Internal);
    (void)REQUIRE_OK(verified(good));
  }
}

TEST_CASE_METHOD(CreateFixture, "verify version: finds a public half that is another key's",
                 "[crypto][create]") {
  const keys::Key good = make_key("ecdsa-p256-sha256");
  keys::Key swapped = good;
  swapped.versions.front().public_key =
      test::signature_oracle::sign("ecdsa-p256-sha256", as_bytes("x")).public_key;
  CHECK_CODE(verified(swapped), Code::Internal);
}

TEST_CASE_METHOD(CreateFixture, "verify version: finds a key of another algorithm",
                 "[crypto][create]") {
  keys::Key key = make_key("rsa-2048-pss-sha256");
  key.algorithm = keys::find_algorithm("rsa-2048-pkcs1-sha256");
  CHECK_CODE(verified(key), Code::Internal);
  CHECK_CODE(sign_message(*bench, key, key.versions.front(), as_bytes("x"), SignatureEncoding::Der),
             Code::Internal);
}

TEST_CASE_METHOD(CreateFixture, "verify version: asks the token afresh", "[crypto][create]") {
  const keys::Key key = make_key("xaes-256-gcm");
  (void)REQUIRE_OK(verified(key));
  CHECK(objects_of(key) == 1);  // destroys it, behind the bench's back
  CHECK_CODE(verified(key), Code::Unavailable);
}

TEST_CASE_METHOD(CreateFixture, "keyring: finds a key once and remembers", "[crypto][keyring]") {
  const keys::Key key = make_key("hmac-sha256");
  const auto fresh = open_bench();
  hsm.clear();
  for (int i = 0; i < 3; ++i) {
    (void)REQUIRE_OK(mac(*fresh, key, key.versions.front(), as_bytes("x")));
  }
  CHECK(hsm.count("C_FindObjectsInit") == 1);
  fresh->forget(key.id);
  (void)REQUIRE_OK(mac(*fresh, key, key.versions.front(), as_bytes("x")));
  CHECK(hsm.count("C_FindObjectsInit") == 2);
}

TEST_CASE_METHOD(CreateFixture, "crypto: calls nothing that could carry a key out",
                 "[crypto][create]") {
  const keys::Key wrapping = make_key("xaes-256-gcm");
  const keys::Key signing = make_key("ed25519");
  const Bytes blob = REQUIRE_OK(
      wrap(*bench, wrapping, wrapping.versions[0], Secret::copy_of(as_bytes("x")), Context()));
  const Blob read = REQUIRE_OK(decode_blob(blob));
  (void)REQUIRE_OK(unwrap(*bench, wrapping, wrapping.versions[0], read, Context()));
  (void)REQUIRE_OK(verified(signing));
  for (const char* function : {"C_WrapKey", "C_UnwrapKey", "C_CopyObject", "C_SetAttributeValue",
                               "C_CreateObject", "C_EncryptUpdate", "C_DecryptUpdate",
                               "C_SignUpdate", "C_DigestKey", "C_GetOperationState", "C_Logout"}) {
    INFO(function);
    CHECK(hsm.count(function) == 0);
  }
}

}  // namespace kw::crypto
