// SPDX-License-Identifier: Apache-2.0
// The known attacks on the PKCS#11 interface, by their numbers, on keys as keyward makes them.
// Where the token is SoftHSM 2.6.1 and the key a careless program's, most succeed: that is the
// control. Attacks without a battery of their own (A22 to A26) are in discipline_test.cc.
#include "service/doctor/attack.h"

#include <cstring>

#include "service/crypto/sign.h"
#include "service/crypto/workbench.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::doctor {
namespace {

using pkcs11::Profile;

struct AttackFixture {
  AttackResult attack(std::string_view id) {
    for (const auto& list : {attacks_on_keys(), attacks_on_use()}) {
      for (const Attack& each : list) {
        if (each.id == id) return run(each, lab);
      }
    }
    FAIL("no attack " << id);
    return {};
  }

  // Keyward's key withstands; the careless key does or does not.
  void check_refused(std::string_view id, Fate careless) {
    const AttackResult result = attack(id);
    INFO(result.careless.detail << " / " << result.ours.detail);
    CHECK(result.ours.fate == Fate::Refused);
    CHECK(result.careless.fate == careless);
    CHECK(lab.differences().empty());
  }

  // The token lets the PIN's holder do it: what keeps it from happening is that keyward never asks.
  void check_left_to_keyward(std::string_view id) {
    const AttackResult result = attack(id);
    INFO(result.careless.detail << " / " << result.ours.detail);
    CHECK(result.defence == Defence::Keyward);
    CHECK(result.careless.fate == Fate::Succeeds);
  }

  test::SoftHsm hsm;
  std::unique_ptr<pkcs11::Token> token = hsm.open();
  Lab lab{*token};
};

CK_GCM_PARAMS gcm_parameters(const pkcs11::Mechanism& mechanism) {
  CK_GCM_PARAMS parameters{};
  REQUIRE(mechanism.parameter().size() == sizeof parameters);
  std::memcpy(&parameters, mechanism.parameter().data(), sizeof parameters);
  return parameters;
}

}  // namespace

TEST_CASE_METHOD(AttackFixture, "A1: what is wrapped is not decrypted", "[doctor][attack]") {
  check_refused("A1", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A2: a key gets no other usage later", "[doctor][attack]") {
  check_refused("A2", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A3: sticky attributes stick", "[doctor][attack]") {
  check_refused("A3", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A4: no copy is weaker than its key", "[doctor][attack]") {
  const AttackResult result = attack("A4");
  INFO(result.careless.detail << " / " << result.ours.detail);
  CHECK(result.ours.fate == Fate::Refused);
  CHECK(result.ours.detail == "CKR_ACTION_PROHIBITED");
}

TEST_CASE_METHOD(AttackFixture, "A5: nothing is unwrapped with weaker attributes",
                 "[doctor][attack]") {
  check_refused("A5", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A5b: what is unwrapped as sensitive stays so",
                 "[doctor][attack]") {
  check_refused("A5b", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A6: nothing is unwrapped as another type", "[doctor][attack]") {
  check_refused("A6", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A7: no key is conjured up", "[doctor][attack]") {
  check_refused("A7", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A8: no key leaves under another's wrapping", "[doctor][attack]") {
  check_refused("A8", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A8b: a user's key is not trusted", "[doctor][attack]") {
  check_refused("A8b", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A9: a wrap template is no way around", "[doctor][attack]") {
  check_refused("A9", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A10: a message key knows one mode", "[doctor][attack]") {
  check_refused("A10", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A11: what keyward derives cannot be read", "[doctor][attack]") {
  check_left_to_keyward("A11");
  Raw raw = REQUIRE_OK(lab.raw());
  const CK_OBJECT_HANDLE key = REQUIRE_OK(lab.message_key(raw));
  CHECK(raw.attribute(key, CKA_VALUE).rv == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(raw.flag(key, CKA_EXTRACTABLE) == false);
}

TEST_CASE_METHOD(AttackFixture, "A12: a master key derives and does not encrypt",
                 "[doctor][attack]") {
  check_refused("A12", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A13: there is no PKCS#1 v1.5 oracle", "[doctor][attack]") {
  check_refused("A13", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A14: there is no CBC padding oracle", "[doctor][attack]") {
  check_refused("A14", Fate::Refused);
}

TEST_CASE_METHOD(AttackFixture, "A15: no chosen block is signed", "[doctor][attack]") {
  check_refused("A15", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A16: a signing key does not decrypt", "[doctor][attack]") {
  check_refused("A16", Fate::Succeeds);
}

TEST_CASE_METHOD(AttackFixture, "A17: nobody can ask for a weak RSA key", "[doctor][attack]") {
  check_refused("A17", Fate::Succeeds);
  for (const keys::Algorithm& algorithm : keys::algorithms()) {
    const bool is_rsa = algorithm.name.starts_with("rsa");
    CHECK((!is_rsa || algorithm.bits >= 2048));
  }
}

TEST_CASE_METHOD(AttackFixture, "A18: keyward's GCM has one IV length and one tag length",
                 "[doctor][attack]") {
  check_left_to_keyward("A18");
  const std::array<std::uint8_t, pkcs11::kGcmIvSize> iv{};
  const auto mechanism = pkcs11::Mechanism::aes_gcm(iv, as_bytes("associated"));
  const CK_GCM_PARAMS parameters = gcm_parameters(mechanism);
  CHECK(parameters.ulIvLen == 12);
  CHECK(parameters.ulIvBits == 96);
  CHECK(parameters.ulTagBits == 128);
}

TEST_CASE_METHOD(AttackFixture, "A19: no plaintext comes out before its tag was seen",
                 "[doctor][attack]") {
  const AttackResult result = attack("A19");
  CHECK(result.ours.fate == Fate::Refused);
  Raw raw = REQUIRE_OK(lab.raw());
  const pkcs11::ObjectHandle key{REQUIRE_OK(lab.message_key(raw))};
  const std::array<std::uint8_t, pkcs11::kGcmIvSize> iv{};
  const auto gcm = pkcs11::Mechanism::aes_gcm(iv, {});
  Bytes sealed = REQUIRE_OK(raw.session().encrypt(gcm, key, Bytes(256)));
  sealed.back() ^= 1;
  hsm.clear();
  CHECK_FALSE(raw.session().decrypt(gcm, key, sealed));
  CHECK(hsm.count("C_Decrypt") == 1);
  CHECK(hsm.count("C_DecryptUpdate") == 0);
}

TEST_CASE_METHOD(AttackFixture, "A20: keyward signs digests of the right length only",
                 "[doctor][attack]") {
  check_left_to_keyward("A20");
  pkcs11::Pace pace({.symmetric = 1, .asymmetric = 1});
  crypto::Workbench bench(REQUIRE_OK(token->open_session()), pace);
  const keys::Key key{.id = Lab::fresh_id(),
                      .name = REQUIRE_OK(KeyName::parse("keyward/doctor")),
                      .algorithm = keys::find_algorithm("ecdsa-p256-sha256"),
                      .residency = keys::Residency::Token,
                      .tags = {},
                      .created = {},
                      .rotate_every = std::nullopt,
                      .versions = {}};
  keys::KeyVersion version;
  version.number = Version{1};
  hsm.clear();
  for (const std::size_t size : {0UL, 5UL, 20UL, 31UL, 33UL, 64UL, 200UL}) {
    CHECK_CODE(
        crypto::sign_digest(bench, key, version, Bytes(size), crypto::SignatureEncoding::Der),
        Code::InvalidArgument);
  }
  CHECK(hsm.count("C_Sign") == 0);
}

TEST_CASE_METHOD(AttackFixture, "A21: of two keys with one id keyward takes neither",
                 "[doctor][attack]") {
  check_refused("A21", Fate::Succeeds);
}

}  // namespace kw::doctor
