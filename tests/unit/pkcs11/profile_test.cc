// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/profile.h"

#include <cstdio>

#include "pkcs11/return_value.h"
#include "tests/unit/pkcs11/oracle.h"
#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::pkcs11 {
using test::Padding;
using test::TokenFixture;

namespace {

const Bytes kId(20, 0x11);

bool holds(Session& session, ObjectHandle object, AttributeType flag) {
  return REQUIRE_OK(session.get_attribute(object, flag)) == Bytes{1};
}

CK_OBJECT_HANDLE raw(ObjectHandle handle) { return static_cast<CK_OBJECT_HANDLE>(handle); }

std::string run(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) {
    output.append(buffer, got);
  }
  ::pclose(pipe);
  return output;
}

// The mechanism and what to feed it for a message, by profile.
Bytes sign_message(Session& session, Profile profile, ObjectHandle key, ByteView message) {
  switch (profile) {
    case Profile::Rsa2048Pkcs: {
      const Bytes info =
          REQUIRE_OK(digest_info(Hash::Sha256, test::openssl_digest("SHA256", message)));
      return REQUIRE_OK(session.sign(Mechanism::rsa_pkcs(), key, info));
    }
    case Profile::Rsa4096Pss:
    case Profile::Rsa2048Pss:
      return REQUIRE_OK(session.sign(Mechanism::rsa_pkcs_pss(Hash::Sha256), key,
                                     test::openssl_digest("SHA256", message)));
    case Profile::Ed25519:
      return REQUIRE_OK(session.sign(Mechanism::eddsa(), key, message));
    case Profile::EcdsaP384:
      return REQUIRE_OK(
          session.sign(Mechanism::ecdsa(), key, test::openssl_digest("SHA384", message)));
    case Profile::EcdsaP521:
      return REQUIRE_OK(
          session.sign(Mechanism::ecdsa(), key, test::openssl_digest("SHA512", message)));
    default:
      return REQUIRE_OK(
          session.sign(Mechanism::ecdsa(), key, test::openssl_digest("SHA256", message)));
  }
}

}  // namespace

TEST_CASE_METHOD(TokenFixture, "profile: a generated secret key is what its profile says",
                 "[pkcs11][profile]") {
  const Profile profile =
      GENERATE(Profile::MasterAes, Profile::CountedAes, Profile::MacSha256, Profile::MacSha512);
  INFO(to_text(profile));
  const GeneratedKey made = REQUIRE_OK(generate(session, profile, kId, "app/key#1"));
  CHECK_FALSE(made.public_half);
  REQUIRE_OK(verify(session, made.key, profile, kId));
  CHECK(REQUIRE_OK(find_key(session, profile, kId)) == made.key);
  const bool is_master = profile == Profile::MasterAes;
  CHECK(holds(session, made.key, CKA_DERIVE) == is_master);
  const bool is_counted = profile == Profile::CountedAes;
  CHECK(holds(session, made.key, CKA_ENCRYPT) == is_counted);
  CHECK(holds(session, made.key, CKA_DECRYPT) == is_counted);
  CHECK(holds(session, made.key, CKA_SIGN) == (!is_master && !is_counted));
  CHECK(holds(session, made.key, CKA_VERIFY) == (!is_master && !is_counted));
  for (const AttributeType no :
       {CKA_WRAP, CKA_UNWRAP, CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_COPYABLE}) {
    CHECK_FALSE(holds(session, made.key, no));
  }
  for (const AttributeType yes : {CKA_PRIVATE, CKA_SENSITIVE, CKA_TOKEN, CKA_LOCAL,
                                  CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE}) {
    CHECK(holds(session, made.key, yes));
  }
}

TEST_CASE_METHOD(TokenFixture,
                 "profile: a generated pair signs, and OpenSSL verifies with its SPKI",
                 "[pkcs11][profile]") {
  struct Row {
    Profile profile;
    const char* hash;
    Padding padding;
  };
  const Row row = GENERATE(Row{Profile::Rsa2048Pkcs, "SHA256", Padding::Pkcs1},
                           Row{Profile::Rsa2048Pss, "SHA256", Padding::Pss},
                           Row{Profile::Rsa4096Pss, "SHA256", Padding::Pss},
                           Row{Profile::EcdsaP256, "SHA256", Padding::None},
                           Row{Profile::EcdsaP384, "SHA384", Padding::None},
                           Row{Profile::EcdsaP521, "SHA512", Padding::None},
                           Row{Profile::Ed25519, nullptr, Padding::None});
  INFO(to_text(row.profile));
  const GeneratedKey made = REQUIRE_OK(generate(session, row.profile, kId, "app/pair#1"));
  REQUIRE(made.public_half);
  const Bytes message = to_bytes(as_bytes("a message"));
  const Bytes signature = sign_message(session, row.profile, made.key, message);
  const Bytes spki = REQUIRE_OK(public_key(session, *made.public_half, row.profile));
  CHECK(test::openssl_verify(spki, row.hash, row.padding, message, signature));
  CHECK_FALSE(test::openssl_verify(spki, row.hash, row.padding, Bytes{1}, signature));
  CHECK(REQUIRE_OK(find_public_half(session, row.profile, kId)) == *made.public_half);
  for (const AttributeType no : {CKA_ENCRYPT, CKA_WRAP, CKA_VERIFY_RECOVER, CKA_MODIFIABLE}) {
    CHECK_FALSE(holds(session, *made.public_half, no));
  }
  for (const AttributeType no : {CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE, CKA_SIGN_RECOVER,
                                 CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_COPYABLE}) {
    CHECK_FALSE(holds(session, made.key, no));
  }
}

TEST_CASE_METHOD(TokenFixture, "profile: derived keys are session objects with one use",
                 "[pkcs11][profile]") {
  const ObjectHandle master =
      REQUIRE_OK(generate(session, Profile::MasterAes, kId, "app/key#1")).key;
  std::array<std::uint8_t, 32> data{};
  data.fill(3);
  const SessionObject message_key = REQUIRE_OK(derive(session, Profile::MessageKey, master, data));
  CHECK_FALSE(holds(session, message_key.handle(), CKA_TOKEN));
  CHECK(holds(session, message_key.handle(), CKA_SENSITIVE));
  CHECK_CODE(session.get_attribute(message_key.handle(), CKA_VALUE), Code::Internal);
  const SessionObject mac_key = REQUIRE_OK(derive(session, Profile::ContextMacKey, master, data));
  CHECK(REQUIRE_OK(session.sign(Mechanism::sha256_hmac(), mac_key.handle(), Bytes{1})).size() ==
        32);
  CHECK_FALSE(session.sign(Mechanism::sha512_hmac(), mac_key.handle(), Bytes{1}));
}

// security.md's attacks, by number: what a holder of the session could try on our keys.
TEST_CASE_METHOD(TokenFixture, "profile: the attacks on a master key are refused",
                 "[pkcs11][profile][attack]") {
  const ObjectHandle master =
      REQUIRE_OK(generate(session, Profile::MasterAes, kId, "app/key#1")).key;
  const CK_FUNCTION_LIST& f = call();
  const CK_SESSION_HANDLE s = session.handle();
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  CK_MECHANISM cmac{CKM_AES_CMAC, nullptr, 0};
  CK_MECHANISM key_wrap{CKM_AES_KEY_WRAP, nullptr, 0};

  // A1, A12: no encryption, decryption or MAC with the key itself.
  CHECK(f.C_EncryptInit(s, &ecb, raw(master)) == CKR_KEY_FUNCTION_NOT_PERMITTED);
  CHECK(f.C_DecryptInit(s, &ecb, raw(master)) == CKR_KEY_FUNCTION_NOT_PERMITTED);
  CHECK(f.C_SignInit(s, &cmac, raw(master)) == CKR_KEY_FUNCTION_NOT_PERMITTED);

  // A2, A3: no attribute changes any more.
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_EXTRACTABLE, CKA_MODIFIABLE,
        CKA_COPYABLE, CKA_TRUSTED}) {
    CK_ATTRIBUTE set{type, &yes, sizeof yes};
    CHECK(f.C_SetAttributeValue(s, raw(master), &set, 1) != CKR_OK);
  }
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_PRIVATE}) {
    CK_ATTRIBUTE set{type, &no, sizeof no};
    CHECK(f.C_SetAttributeValue(s, raw(master), &set, 1) != CKR_OK);
  }
  CK_MECHANISM_TYPE gcm = CKM_AES_GCM;
  CK_ATTRIBUTE widen{CKA_ALLOWED_MECHANISMS, &gcm, sizeof gcm};
  CHECK(f.C_SetAttributeValue(s, raw(master), &widen, 1) != CKR_OK);

  // A4: no copy, not even as it is.
  CK_ATTRIBUTE in_session{CKA_TOKEN, &no, sizeof no};
  CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
  CHECK(f.C_CopyObject(s, raw(master), &in_session, 1, &copy) == CKR_ACTION_PROHIBITED);

  // A5 to A9: neither wrapping key nor wrapped key.
  const ObjectHandle attacker = import_key(CKK_AES, Bytes(32, 1), {CKA_WRAP, CKA_DECRYPT});
  Bytes wrapped(64);
  CK_ULONG size = wrapped.size();
  CHECK(f.C_WrapKey(s, &key_wrap, raw(attacker), raw(master), wrapped.data(), &size) ==
        CKR_KEY_UNEXTRACTABLE);
  CHECK(f.C_WrapKey(s, &key_wrap, raw(master), raw(attacker), wrapped.data(), &size) != CKR_OK);
  CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
  CHECK(f.C_UnwrapKey(s, &key_wrap, raw(master), wrapped.data(), 40, &in_session, 1, &unwrapped) !=
        CKR_OK);

  // A10, A11: no other derivation.
  Bytes block(32);
  CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc{};
  cbc.pData = block.data();
  cbc.length = block.size();
  CK_MECHANISM cbc_derive{CKM_AES_CBC_ENCRYPT_DATA, &cbc, sizeof cbc};
  CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
  CHECK(f.C_DeriveKey(s, &cbc_derive, raw(master), &in_session, 1, &derived) ==
        CKR_MECHANISM_INVALID);

  REQUIRE_OK(verify(session, master, Profile::MasterAes, kId));
}

TEST_CASE_METHOD(TokenFixture, "profile: signing and MAC keys do one mechanism",
                 "[pkcs11][profile][attack]") {
  const CK_FUNCTION_LIST& f = call();
  const CK_SESSION_HANDLE s = session.handle();
  const GeneratedKey rsa = REQUIRE_OK(generate(session, Profile::Rsa2048Pss, kId, "app/rsa#1"));
  CK_MECHANISM raw_rsa{CKM_RSA_X_509, nullptr, 0};
  CK_MECHANISM pkcs{CKM_RSA_PKCS, nullptr, 0};
  CHECK(f.C_SignInit(s, &raw_rsa, raw(rsa.key)) == CKR_MECHANISM_INVALID);  // A15
  CHECK(f.C_SignInit(s, &pkcs, raw(rsa.key)) == CKR_MECHANISM_INVALID);
  CHECK(f.C_DecryptInit(s, &pkcs, raw(rsa.key)) == CKR_KEY_FUNCTION_NOT_PERMITTED);
  CHECK(f.C_EncryptInit(s, &pkcs, raw(*rsa.public_half)) == CKR_KEY_FUNCTION_NOT_PERMITTED);
  const ObjectHandle mac =
      REQUIRE_OK(generate(session, Profile::MacSha512, Bytes{2}, "app/mac#1")).key;
  CK_MECHANISM sha256{CKM_SHA256_HMAC, nullptr, 0};
  CHECK(f.C_SignInit(s, &sha256, raw(mac)) == CKR_MECHANISM_INVALID);
}

TEST_CASE_METHOD(TokenFixture, "profile: a message key does GCM and no other mode",
                 "[pkcs11][profile][attack]") {
  const ObjectHandle master = REQUIRE_OK(generate(session, Profile::MasterAes, kId, "k#1")).key;
  const std::array<std::uint8_t, 32> data{};
  const SessionObject key = REQUIRE_OK(derive(session, Profile::MessageKey, master, data));
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  CHECK(call().C_EncryptInit(session.handle(), &ecb, raw(key.handle())) == CKR_MECHANISM_INVALID);
  CHECK(call().C_DecryptInit(session.handle(), &ecb, raw(key.handle())) == CKR_MECHANISM_INVALID);
}

TEST_CASE_METHOD(TokenFixture, "profile: verify names what differs", "[pkcs11][profile]") {
  const ObjectHandle master = REQUIRE_OK(generate(session, Profile::MasterAes, kId, "k#1")).key;
  CHECK_CODE(verify(session, master, Profile::MasterAes, Bytes(20, 0x12)), Code::Internal);
  CHECK_CODE(verify(session, master, Profile::MacSha256, kId), Code::Internal);
  const ObjectHandle imported = import_key(CKK_AES, Bytes(32, 1), {CKA_DERIVE});
  const auto differs = verify(session, imported, Profile::MasterAes, {});
  REQUIRE_FALSE(differs);
  CHECK(differs.error().detail().starts_with("master-aes: attribute 0x"));
  CHECK(session.usable());
}

TEST_CASE_METHOD(TokenFixture, "profile: a key is found only if there is exactly one",
                 "[pkcs11][profile]") {
  CHECK_CODE(find_key(session, Profile::MasterAes, kId), Code::Unavailable);
  (void)REQUIRE_OK(generate(session, Profile::MasterAes, kId, "k#1"));
  (void)REQUIRE_OK(generate(session, Profile::MasterAes, kId, "k#1"));
  CHECK_CODE(find_key(session, Profile::MasterAes, kId), Code::Internal);
  CHECK(REQUIRE_OK(destroy_all(session, kId)) == 2);
  CHECK_CODE(find_key(session, Profile::MasterAes, kId), Code::Unavailable);
}

TEST_CASE_METHOD(TokenFixture, "profile: what is destroyed is destroyed, whatever the token says",
                 "[pkcs11][profile][fault]") {
  (void)REQUIRE_OK(generate(session, Profile::EcdsaP256, kId, "k#1"));
  for (const auto& file : std::filesystem::recursive_directory_iterator(hsm.token_directory())) {
    // A power cut can take these; SoftHSM then removes the object and reports a failure.
    const bool is_lock = file.path().extension() == ".lock";
    if (is_lock && file.path().stem() != "token") std::filesystem::remove(file.path());
  }
  CHECK(REQUIRE_OK(destroy_all(session, kId)) == 2);
  Session fresh = REQUIRE_OK(token->open_session());
  CHECK(REQUIRE_OK(destroy_all(fresh, kId)) == 0);
}

TEST_CASE_METHOD(TokenFixture, "profile: a key that cannot be read back is destroyed",
                 "[pkcs11][profile][fault]") {
  const Profile profile = GENERATE(Profile::MasterAes, Profile::EcdsaP256);
  const std::string nth = profile == Profile::EcdsaP256 ? "3" : "1";  // the public half's, too
  hsm.rules("fail C_GetAttributeValue " + nth + " CKR_DEVICE_ERROR");
  CHECK_CODE(generate(session, profile, kId, "k#1"), Code::Unavailable);
  auto fresh = REQUIRE_OK(token->open_session());
  CHECK(REQUIRE_OK(destroy_all(fresh, kId)) == 0);
}

TEST_CASE_METHOD(TokenFixture, "profile: pkcs11-tool reads the same", "[pkcs11][profile]") {
  const auto id = REQUIRE_OK(KeyId::decode(Bytes(16, 0xab)));
  const auto name = REQUIRE_OK(KeyName::parse("app/db"));
  const Bytes object = object_id(id, Version{7});
  CHECK(to_hex(object) == "abababababababababababababababab00000007");
  const std::string label = object_label(name, Version{7});
  CHECK(label == "app/db#7");
  (void)REQUIRE_OK(generate(session, Profile::EcdsaP256, object, label));
  const std::string listing =
      run("SOFTHSM2_CONF=" + hsm.configuration().string() + " pkcs11-tool --module " +
          std::string(test::SoftHsm::kModule) + " --token-label keyward --login --pin " +
          std::string(test::SoftHsm::kPin) + " -O");
  INFO(listing);
  CHECK(listing.find("Private Key Object; EC") != std::string::npos);
  CHECK(listing.find("app/db#7") != std::string::npos);
  CHECK(listing.find(to_hex(object)) != std::string::npos);
  CHECK(listing.find("sensitive, always sensitive, never extractable, local") != std::string::npos);
}

}  // namespace kw::pkcs11
