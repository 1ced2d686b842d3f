// SPDX-License-Identifier: Apache-2.0
// The judge finds what it is there to find: calls that would let a key out, made through the module
// that the service uses.
#include <functional>

#include "pkcs11/cryptoki.h"
#include "pkcs11/kek.h"
#include "pkcs11/profile.h"
#include "tests/residency/tally.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::residency {
namespace {

using pkcs11::KekKind;
using pkcs11::Profile;

struct Attacked {
  const CK_FUNCTION_LIST& call;
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE key;  // the service's AES key
  CK_OBJECT_HANDLE mac;
  CK_OBJECT_HANDLE kek;
};

CK_BBOOL kYes = CK_TRUE;
CK_BBOOL kNo = CK_FALSE;

CK_OBJECT_HANDLE generate_loose(const Attacked& at) {
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG size = 32;
  CK_ATTRIBUTE wanted[] = {{CKA_VALUE_LEN, &size, sizeof size},
                           {CKA_TOKEN, &kNo, sizeof kNo},
                           {CKA_SENSITIVE, &kNo, sizeof kNo},
                           {CKA_EXTRACTABLE, &kYes, sizeof kYes}};
  CK_OBJECT_HANDLE made = 0;
  CHECK(at.call.C_GenerateKey(at.session, &mechanism, wanted, std::size(wanted), &made) == CKR_OK);
  return made;
}

void read_value(const Attacked& at, CK_OBJECT_HANDLE object) {
  CK_BYTE value[64];
  CK_ATTRIBUTE wanted{CKA_VALUE, value, sizeof value};
  (void)at.call.C_GetAttributeValue(at.session, object, &wanted, 1);
}

void derive_loose(const Attacked& at, CK_ULONG size) {
  CK_BYTE data[32]{};
  CK_KEY_DERIVATION_STRING_DATA string{data, size};
  CK_MECHANISM mechanism{CKM_AES_ECB_ENCRYPT_DATA, &string, sizeof string};
  CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
  CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
  CK_ATTRIBUTE wanted[] = {
      {CKA_CLASS, &secret, sizeof secret}, {CKA_KEY_TYPE, &generic, sizeof generic},
      {CKA_VALUE_LEN, &size, sizeof size}, {CKA_TOKEN, &kNo, sizeof kNo},
      {CKA_SENSITIVE, &kNo, sizeof kNo},   {CKA_EXTRACTABLE, &kYes, sizeof kYes}};
  CK_OBJECT_HANDLE made = 0;
  CHECK(at.call.C_DeriveKey(at.session, &mechanism, at.key, wanted, std::size(wanted), &made) ==
        CKR_OK);
}

void wrap(const Attacked& at, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CK_BYTE out[256];
  CK_ULONG size = sizeof out;
  (void)at.call.C_WrapKey(at.session, &mechanism, with, key, out, &size);
}

void begin(const Attacked& at, CK_C_EncryptInit init, CK_MECHANISM_TYPE type,
           CK_OBJECT_HANDLE key) {
  CK_BYTE iv[16]{};
  CK_MECHANISM mechanism{type, iv, sizeof iv};
  (void)init(at.session, &mechanism, key);
}

struct Attack {
  const char* name;
  const char* found;  // what the judge must name
  std::function<void(const Attacked&)> make;
};

const Attack kAttacks[] = {
    {"a copy", "C_CopyObject",
     [](const Attacked& at) {
       CK_OBJECT_HANDLE copy = 0;
       CK_ATTRIBUTE wanted{CKA_EXTRACTABLE, &kYes, sizeof kYes};
       (void)at.call.C_CopyObject(at.session, at.key, &wanted, 1, &copy);
     }},
    {"a changed attribute", "C_SetAttributeValue",
     [](const Attacked& at) {
       CK_ATTRIBUTE wanted{CKA_EXTRACTABLE, &kYes, sizeof kYes};
       (void)at.call.C_SetAttributeValue(at.session, at.key, &wanted, 1);
     }},
    {"the value of a secret key", "C_GetAttributeValue - CKR_ATTRIBUTE_SENSITIVE CKA_VALUE",
     [](const Attacked& at) { read_value(at, at.key); }},
    {"the value of a MAC key", "C_GetAttributeValue",
     [](const Attacked& at) { read_value(at, at.mac); }},
    {"the value of a loose key", "C_GenerateKey",
     [](const Attacked& at) { read_value(at, generate_loose(at)); }},
    {"a key of known value", "C_CreateObject",
     [](const Attacked& at) {
       CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
       CK_KEY_TYPE aes = CKK_AES;
       CK_BYTE value[32]{};
       CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &secret, sizeof secret},
                                {CKA_KEY_TYPE, &aes, sizeof aes},
                                {CKA_VALUE, value, sizeof value}};
       CK_OBJECT_HANDLE made = 0;
       (void)at.call.C_CreateObject(at.session, wanted, std::size(wanted), &made);
     }},
    {"a derived key of full size", "C_DeriveKey", [](const Attacked& at) { derive_loose(at, 32); }},
    {"a check block that may be used", "C_DeriveKey",
     [](const Attacked& at) { derive_loose(at, 16); }},
    {"a wrap of the service's key", "C_WrapKey",
     [](const Attacked& at) { wrap(at, at.kek, at.key); }},
    {"a wrap by a key that is no KEK", "C_WrapKey",
     [](const Attacked& at) { wrap(at, at.key, at.mac); }},
    {"an encryption by the master key", "C_EncryptInit CKM_AES_CBC_PAD",
     [](const Attacked& at) { begin(at, at.call.C_EncryptInit, CKM_AES_CBC_PAD, at.key); }},
    {"a decryption of what a KEK wrapped", "C_DecryptInit CKM_AES_CBC_PAD",
     [](const Attacked& at) { begin(at, at.call.C_DecryptInit, CKM_AES_CBC_PAD, at.kek); }},
    {"a decryption in pieces", "C_DecryptUpdate",
     [](const Attacked& at) {
       CK_BYTE in[16]{};
       CK_BYTE out[32];
       CK_ULONG size = sizeof out;
       (void)at.call.C_DecryptUpdate(at.session, in, sizeof in, out, &size);
     }},
    {"another PIN", "C_SetPIN",
     [](const Attacked& at) {
       CK_UTF8CHAR pin[] = "wrong";
       (void)at.call.C_SetPIN(at.session, pin, 5, pin, 5);
     }},
    {"the user's PIN", "C_InitPIN",
     [](const Attacked& at) {
       CK_UTF8CHAR pin[] = "wrong";
       (void)at.call.C_InitPIN(at.session, pin, 5);
     }},
};

// A token with keys as the service makes them; then the attack, through the same module.
Judgement judge_after(const std::function<void(const Attacked&)>& make) {
  const test::TempDir folder;
  const TallyFile tally(folder / "tally");
  const test::SoftHsm hsm;
  tally.begin();
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    const Bytes id(20, 7);
    const auto key = REQUIRE_OK(pkcs11::generate(session, Profile::MasterAes, id, "key"));
    const auto mac = REQUIRE_OK(pkcs11::generate(session, Profile::MacSha256, Bytes(20, 8), "mac"));
    const auto kek = REQUIRE_OK(pkcs11::generate_kek(session, KekKind::Aes, Bytes(20, 9), "kek"));
    REQUIRE_OK(pkcs11::derive_check_block(session, key.key));
    REQUIRE_OK(pkcs11::generate_wrapped(session, Profile::MasterAes, kek));
    const CK_FUNCTION_LIST& call = *token->module().cryptoki().call;
    CK_SESSION_HANDLE own = 0;
    const CK_SLOT_ID slot = REQUIRE_OK(pkcs11::find_token(token->module(), hsm.uri())).slot;
    REQUIRE(call.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &own) ==
            CKR_OK);
    make({call, own, static_cast<CK_OBJECT_HANDLE>(key.key), static_cast<CK_OBJECT_HANDLE>(mac.key),
          static_cast<CK_OBJECT_HANDLE>(kek)});
  }
  (void)tally.calls();
  return tally.judge(false);
}

}  // namespace

TEST_CASE("judge: what the service does is within the list", "[residency][judge]") {
  const Judgement judged = judge_after([](const Attacked&) {});
  INFO(judged.text);
  CHECK(judged.is_within);
  CHECK(judged.text.find("C_WrapKey") != std::string::npos);
}

TEST_CASE("judge: a call that would let a key out is found", "[residency][judge]") {
  for (const Attack& attack : kAttacks) {
    const Judgement judged = judge_after(attack.make);
    INFO(attack.name << ":\n" << judged.text);
    CHECK_FALSE(judged.is_within);
    const std::size_t at = judged.text.find("FORBIDDEN");
    REQUIRE(at != std::string::npos);
    CHECK(judged.text.find(std::string("times: ") + attack.found, at) != std::string::npos);
  }
}

}  // namespace kw::residency
