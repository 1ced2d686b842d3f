// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/kek.h"

#include "tests/support/kwp_oracle.h"
#include "tests/unit/pkcs11/oracle.h"
#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::pkcs11 {
namespace kwp_oracle = test::kwp_oracle;

namespace {

const Bytes kKekId(20, 0x22);
const Bytes kKekValue(32, 0x6b);

CK_OBJECT_HANDLE handle_of(ObjectHandle handle) { return static_cast<CK_OBJECT_HANDLE>(handle); }

struct KekFixture : test::TokenFixture {
  ObjectHandle kek(KekKind kind, std::uint8_t id = 0x22) {
    return REQUIRE_OK(generate_kek(session, kind, Bytes(20, id), "keyward/kek#1"));
  }
  // A KEK whose value the test knows, without templates.
  ObjectHandle known_kek() { return import_key(CKK_AES, kKekValue, {CKA_WRAP, CKA_UNWRAP}); }
  Bytes material(Profile profile, ObjectHandle kek) {
    return REQUIRE_OK(generate_wrapped(session, profile, kek)).material;
  }
  CK_RV raw_wrap(CK_MECHANISM_TYPE type, ObjectHandle kek, ObjectHandle key) {
    CK_MECHANISM how{type, nullptr, 0};
    Bytes out(4096);
    CK_ULONG size = out.size();
    return call().C_WrapKey(session.handle(), &how, handle_of(kek), handle_of(key), out.data(),
                            &size);
  }
};

struct Kind {
  KekKind kek;
  Profile profile;
};

// What C_UnwrapKey is asked for an AES key in the shape that the service asks for, but for one
// attribute.
ObjectTemplate asked(AttributeType changed, CK_KEY_TYPE key_type = CKK_AES) {
  const MechanismType allowed{CKM_AES_ECB_ENCRYPT_DATA};
  ObjectTemplate key;
  key.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, key_type)
      .flag(CKA_TOKEN, changed == CKA_TOKEN)
      .flag(CKA_PRIVATE, changed != CKA_PRIVATE)
      .mechanisms(CKA_ALLOWED_MECHANISMS, {&allowed, 1})
      .flag(CKA_SENSITIVE, changed != CKA_SENSITIVE)
      .flag(CKA_EXTRACTABLE, changed == CKA_EXTRACTABLE)
      .flag(CKA_ENCRYPT, changed == CKA_ENCRYPT)
      .flag(CKA_DECRYPT, changed == CKA_DECRYPT)
      .flag(CKA_SIGN, changed == CKA_SIGN)
      .flag(CKA_DERIVE, changed != CKA_DERIVE)
      .flag(CKA_WRAP, changed == CKA_WRAP)
      .flag(CKA_UNWRAP, changed == CKA_UNWRAP);
  return key;
}

}  // namespace

TEST_CASE_METHOD(KekFixture, "kek: each wraps and brings back every profile of its kind",
                 "[pkcs11][kek]") {
  const Kind row =
      GENERATE(Kind{KekKind::Aes, Profile::MasterAes}, Kind{KekKind::Hmac, Profile::MacSha256},
               Kind{KekKind::Hmac, Profile::MacSha512}, Kind{KekKind::Rsa, Profile::Rsa2048Pss},
               Kind{KekKind::Rsa, Profile::Rsa2048Pkcs}, Kind{KekKind::Ec, Profile::EcdsaP256},
               Kind{KekKind::Ec, Profile::EcdsaP384}, Kind{KekKind::Ec, Profile::EcdsaP521});
  INFO(to_text(row.profile));
  CHECK(kek_kind_of(row.profile) == row.kek);
  const ObjectHandle kek_handle = kek(row.kek);
  CHECK(REQUIRE_OK(find_kek(session, row.kek, kKekId)) == kek_handle);
  const WrappedKey made = REQUIRE_OK(generate_wrapped(session, row.profile, kek_handle));
  CHECK(made.public_key.empty() == !is_key_pair(row.profile));
  const SessionObject back = REQUIRE_OK(unwrap(session, row.profile, kek_handle, made.material));
  for (const AttributeType no : {CKA_TOKEN, CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_COPYABLE}) {
    CHECK(REQUIRE_OK(session.get_attribute(back.handle(), no)) == Bytes{0});
  }
  const AttributeType value = row.kek == KekKind::Rsa ? CKA_PRIVATE_EXPONENT : CKA_VALUE;
  CHECK_CODE(session.get_attribute(back.handle(), value), Code::Internal);
  CHECK(raw_wrap(CKM_AES_KEY_WRAP_PAD, kek_handle, back.handle()) == CKR_KEY_UNEXTRACTABLE);
}

TEST_CASE_METHOD(KekFixture, "kek: what cannot be wrapped has none", "[pkcs11][kek]") {
  for (const Profile profile :
       {Profile::Ed25519, Profile::CountedAes, Profile::MessageKey, Profile::ContextMacKey}) {
    CHECK_FALSE(kek_kind_of(profile));
  }
}

TEST_CASE_METHOD(KekFixture, "kek: OpenSSL finds the same secret key under it", "[pkcs11][kek]") {
  const ObjectHandle known = known_kek();
  const Bytes aes = kwp_oracle::unwrap(kKekValue, material(Profile::MasterAes, known));
  CHECK(aes.size() == 32);
  const WrappedKey made = REQUIRE_OK(generate_wrapped(session, Profile::MasterAes, known));
  const SessionObject back = REQUIRE_OK(unwrap(session, Profile::MasterAes, known, made.material));
  const Bytes value = kwp_oracle::unwrap(kKekValue, made.material);
  CHECK(to_bytes(REQUIRE_OK(derive_check_block(session, back.handle()))) ==
        kwp_oracle::encrypted_zero(value));

  const Bytes wrapped = material(Profile::MacSha512, known);
  const SessionObject mac = REQUIRE_OK(unwrap(session, Profile::MacSha512, known, wrapped));
  CHECK(REQUIRE_OK(session.sign(Mechanism::sha512_hmac(), mac.handle(), as_bytes("text"))) ==
        kwp_oracle::hmac("SHA512", kwp_oracle::unwrap(kKekValue, wrapped), as_bytes("text")));
}

TEST_CASE_METHOD(KekFixture, "kek: OpenSSL finds the same private key under it", "[pkcs11][kek]") {
  const Profile profile = GENERATE(Profile::Rsa2048Pss, Profile::EcdsaP256, Profile::EcdsaP521);
  const WrappedKey made = REQUIRE_OK(generate_wrapped(session, profile, known_kek()));
  CHECK(kwp_oracle::public_key_of(kwp_oracle::unwrap(kKekValue, made.material)) == made.public_key);
}

TEST_CASE_METHOD(KekFixture, "kek: a key that OpenSSL wrapped comes back", "[pkcs11][kek]") {
  const Bytes value(32, 0x17);
  const Bytes wrapped = kwp_oracle::wrap(kKekValue, value);
  const SessionObject back = REQUIRE_OK(unwrap(session, Profile::MasterAes, known_kek(), wrapped));
  CHECK(to_bytes(REQUIRE_OK(derive_check_block(session, back.handle()))) ==
        kwp_oracle::encrypted_zero(value));
}

TEST_CASE_METHOD(KekFixture, "kek: it wraps and unwraps and does nothing else",
                 "[pkcs11][kek][attack]") {
  const ObjectHandle target = kek(KekKind::Aes);
  const CK_FUNCTION_LIST& f = call();
  const CK_SESSION_HANDLE s = session.handle();
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_MECHANISM ecb{CKM_AES_ECB, nullptr, 0};
  CK_MECHANISM pad{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CHECK(f.C_EncryptInit(s, &ecb, handle_of(target)) != CKR_OK);
  CHECK(f.C_DecryptInit(s, &ecb, handle_of(target)) != CKR_OK);
  CHECK(f.C_DecryptInit(s, &pad, handle_of(target)) != CKR_OK);
  for (const CK_ATTRIBUTE_TYPE type : {CKA_DECRYPT, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_DERIVE}) {
    CK_ATTRIBUTE set{type, &yes, sizeof yes};
    CHECK(f.C_SetAttributeValue(s, handle_of(target), &set, 1) != CKR_OK);
  }
  CK_ATTRIBUTE in_session{CKA_TOKEN, &no, sizeof no};
  CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
  CHECK(f.C_CopyObject(s, handle_of(target), &in_session, 1, &copy) == CKR_ACTION_PROHIBITED);
  // Its own kind of key, but readable; a token key; another kind; another mechanism.
  const ObjectHandle readable = import_key(CKK_AES, Bytes(32, 1), {CKA_EXTRACTABLE, CKA_ENCRYPT});
  const ObjectHandle other = import_key(CKK_GENERIC_SECRET, Bytes(32, 1), {CKA_EXTRACTABLE});
  const ObjectHandle master =
      REQUIRE_OK(generate(session, Profile::MasterAes, Bytes{1}, "k#1")).key;
  CHECK(raw_wrap(CKM_AES_KEY_WRAP_PAD, target, readable) == CKR_OK);  // nothing lost: it was
  CHECK(raw_wrap(CKM_AES_KEY_WRAP_PAD, target, other) != CKR_OK);
  CHECK(raw_wrap(CKM_AES_KEY_WRAP_PAD, target, master) != CKR_OK);
  CHECK(raw_wrap(CKM_AES_KEY_WRAP, target, readable) != CKR_OK);
  CHECK(raw_wrap(CKM_AES_CBC_PAD, target, readable) != CKR_OK);
}

TEST_CASE_METHOD(KekFixture, "kek: a wrapped key comes back in no other shape",
                 "[pkcs11][kek][attack]") {
  const ObjectHandle target = kek(KekKind::Aes);
  const Bytes wrapped = material(Profile::MasterAes, target);
  const auto unwrap_as = [&](const ObjectTemplate& shape) {
    return session.unwrap_key(Mechanism::aes_key_wrap_pad(), target, wrapped, shape).has_value();
  };
  CHECK(unwrap_as(asked(0)));
  for (const AttributeType changed :
       {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN,
        CKA_DERIVE, CKA_WRAP, CKA_UNWRAP}) {
    INFO(changed);
    CHECK_FALSE(unwrap_as(asked(changed)));
  }
  CHECK_FALSE(unwrap_as(asked(0, CKK_GENERIC_SECRET)));  // re-typing
  ObjectTemplate bare;
  bare.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES);
  CHECK_FALSE(unwrap_as(bare));
}

TEST_CASE_METHOD(KekFixture, "kek: changed bytes and another KEK's are refused",
                 "[pkcs11][kek][attack]") {
  const ObjectHandle target = kek(KekKind::Aes);
  const Bytes good = material(Profile::MasterAes, target);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1;
    CHECK_FALSE(unwrap(session, Profile::MasterAes, target, bad));
  }
  CHECK_FALSE(unwrap(session, Profile::MasterAes, target, ByteView(good).first(32)));
  CHECK_FALSE(unwrap(session, Profile::MasterAes, target, {}));
  CHECK_FALSE(unwrap(session, Profile::MasterAes, kek(KekKind::Aes, 0x23), good));
  CHECK_FALSE(unwrap(session, Profile::MacSha256, kek(KekKind::Hmac, 0x24), good));
  (void)REQUIRE_OK(unwrap(session, Profile::MasterAes, target, good));
}

TEST_CASE_METHOD(KekFixture, "kek: verify finds another id, another kind, other templates",
                 "[pkcs11][kek]") {
  const ObjectHandle good = kek(KekKind::Aes);
  REQUIRE_OK(verify_kek(session, good, KekKind::Aes, kKekId));
  CHECK_CODE(verify_kek(session, good, KekKind::Aes, Bytes(20, 0x23)), Code::Internal);
  const auto another = verify_kek(session, good, KekKind::Hmac, kKekId);
  REQUIRE_FALSE(another);
  CHECK(another.error().detail().find("WRAP_TEMPLATE differs") != std::string::npos);
  CHECK_CODE(verify_kek(session, known_kek(), KekKind::Aes, {}), Code::Internal);
  CHECK_CODE(find_kek(session, KekKind::Aes, Bytes(20, 0x99)), Code::Unavailable);
}

TEST_CASE_METHOD(KekFixture, "kek: verify compares the values inside the templates",
                 "[pkcs11][kek]") {
  ObjectTemplate inner;
  inner.number(CKA_KEY_TYPE, CKK_AES).flag(CKA_EXTRACTABLE, true);
  ObjectTemplate outer;
  outer.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .number(CKA_VALUE_LEN, 32)
      .flag(CKA_WRAP, true)
      .nested(CKA_WRAP_TEMPLATE, std::move(inner));
  const ObjectHandle key = REQUIRE_OK(session.generate_key(Mechanism::aes_key_gen(), outer));
  const std::vector<Attribute> found = REQUIRE_OK(session.get_template(key, CKA_WRAP_TEMPLATE));
  REQUIRE(found.size() == 2);
  for (const Attribute& each : found) {
    REQUIRE(each.value);
    if (each.type == CKA_EXTRACTABLE) CHECK(*each.value == Bytes{1});
    if (each.type == CKA_KEY_TYPE) CHECK(each.value->front() == CKK_AES);
  }
  CHECK(REQUIRE_OK(session.get_template(known_kek(), CKA_WRAP_TEMPLATE)).empty());
}

TEST_CASE_METHOD(KekFixture, "kek: an embryo never outlives its wrapping", "[pkcs11][kek][fault]") {
  const ObjectHandle target = kek(KekKind::Ec);
  for (const auto& [function, made] : {std::pair("C_GetAttributeValue", 2UL),
                                       std::pair("C_WrapKey", 2UL), std::pair("none", 2UL)}) {
    hsm.clear();
    if (std::string(function) != "none") {
      hsm.rules(std::string("fail ") + function + " 1 CKR_FUNCTION_FAILED");
    }
    CHECK(generate_wrapped(session, Profile::EcdsaP256, target).has_value() ==
          (std::string(function) == "none"));
    CHECK(hsm.count("C_DestroyObject") == made);
    session = REQUIRE_OK(token->open_session());
  }
}

TEST_CASE_METHOD(KekFixture, "kek: one that cannot be read back is destroyed",
                 "[pkcs11][kek][fault]") {
  const std::string nth = GENERATE("1", "3", "6");  // attributes, the one template, the other
  hsm.rules("fail C_GetAttributeValue " + nth + " CKR_DEVICE_ERROR");
  CHECK_CODE(generate_kek(session, KekKind::Aes, kKekId, "k#1"), Code::Unavailable);
  auto fresh = REQUIRE_OK(token->open_session());
  CHECK(REQUIRE_OK(destroy_all(fresh, kKekId)) == 0);
}

}  // namespace kw::pkcs11
