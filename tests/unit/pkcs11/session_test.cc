// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/session.h"

#include <functional>

#include "pkcs11/profile.h"
#include "pkcs11/return_value.h"
#include "tests/unit/pkcs11/oracle.h"
#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::pkcs11 {
using test::TokenFixture;

namespace {

constexpr std::array<std::uint8_t, 12> kIv{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

Bytes from_hex(std::string_view text) { return REQUIRE_OK(decode_hex(text)); }

// One row of the C2SP XAES-256-GCM test vectors.
struct XaesVector {
  std::uint8_t key_byte;
  const char* zero_block;  // L
  const char* k1;
  const char* aad;
  const char* ciphertext;
};
constexpr XaesVector kXaes[] = {
    {0x01, "7298caa565031eadc6ce23d23ea66378", "e531954aca063d5b8d9c47a47d4cc6f0", "",
     "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    {0x03, "91c08762876dccf9ba204a33768fa5fe", "23810ec50edb99f374409466ed1f4b7b",
     "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

std::array<std::uint8_t, 32> derivation_data(const XaesVector& vector) {
  const Bytes k1 = from_hex(vector.k1);
  const Bytes m1 = from_hex("000158004142434445464748494a4b4c");
  const Bytes m2 = from_hex("000258004142434445464748494a4b4c");
  std::array<std::uint8_t, 32> data{};
  for (std::size_t i = 0; i < 16; ++i) {
    data[i] = m1[i] ^ k1[i];
    data[16 + i] = m2[i] ^ k1[i];
  }
  return data;
}

ObjectTemplate data_object(std::string_view label) {
  ObjectTemplate object;
  object.number(CKA_CLASS, CKO_DATA).flag(CKA_TOKEN, false).text(CKA_LABEL, label);
  return object;
}

}  // namespace

TEST_CASE_METHOD(TokenFixture, "session: AES-GCM agrees with OpenSSL", "[pkcs11][session]") {
  const Bytes key(32, 0x42);
  const ObjectHandle handle = import_key(CKK_AES, key, {CKA_ENCRYPT, CKA_DECRYPT});
  const std::size_t size = GENERATE(0U, 1U, 16U, 65536U);
  const Bytes plaintext(size, 0x5a);
  const Bytes aad = GENERATE(Bytes{}, Bytes{1, 2, 3});
  const Bytes ciphertext =
      REQUIRE_OK(session.encrypt(Mechanism::aes_gcm(kIv, aad), handle, plaintext));
  CHECK(ciphertext == test::openssl_gcm(key, kIv, aad, plaintext));
  const Secret back = REQUIRE_OK(session.decrypt(Mechanism::aes_gcm(kIv, aad), handle, ciphertext));
  CHECK(to_bytes(back.reveal()) == plaintext);
  CHECK(session.usable());
}

TEST_CASE_METHOD(TokenFixture, "session: a moved mechanism keeps its parameters",
                 "[pkcs11][session]") {
  const Bytes key(32, 0x42);
  const ObjectHandle handle = import_key(CKK_AES, key, {CKA_ENCRYPT});
  Mechanism first = Mechanism::aes_gcm(kIv, Bytes{9});
  const Mechanism moved = std::move(first);
  CHECK(REQUIRE_OK(session.encrypt(moved, handle, Bytes{7})) ==
        test::openssl_gcm(key, kIv, Bytes{9}, Bytes{7}));
}

TEST_CASE_METHOD(TokenFixture, "session: tampered ciphertext is refused and the session suspect",
                 "[pkcs11][session]") {
  const ObjectHandle key = import_key(CKK_AES, Bytes(32, 1), {CKA_ENCRYPT, CKA_DECRYPT});
  Bytes ciphertext = REQUIRE_OK(session.encrypt(Mechanism::aes_gcm(kIv, {}), key, Bytes(20, 2)));
  SECTION("a bit of the text") { ciphertext[3] ^= 1; }
  SECTION("a bit of the tag") { ciphertext.back() ^= 0x80; }
  SECTION("cut") { ciphertext.pop_back(); }
  SECTION("shorter than a tag") { ciphertext.resize(15); }
  SECTION("nothing at all") { ciphertext.clear(); }
  const auto opened = session.decrypt(Mechanism::aes_gcm(kIv, {}), key, ciphertext);
  REQUIRE_FALSE(opened);
  CHECK((is_ambiguous_on_decrypt(opened.error()) || rv_class(opened.error()) == RvClass::Caller));
  CHECK_FALSE(session.usable());
}

TEST_CASE_METHOD(TokenFixture, "session: derives the subkeys of the C2SP XAES-256-GCM vectors",
                 "[pkcs11][session][xaes]") {
  const XaesVector& vector = kXaes[GENERATE(0, 1)];
  const ObjectHandle master = import_key(CKK_AES, Bytes(32, vector.key_byte), {CKA_DERIVE});
  const CheckBlock zero_block = REQUIRE_OK(derive_check_block(session, master));
  CHECK(to_hex(zero_block) == vector.zero_block);
  const SessionObject subkey =
      REQUIRE_OK(derive(session, Profile::MessageKey, master, derivation_data(vector)));
  std::array<std::uint8_t, 12> iv{};
  std::ranges::copy(as_bytes("MNOPQRSTUVWX"), iv.begin());
  const Bytes ciphertext = REQUIRE_OK(session.encrypt(Mechanism::aes_gcm(iv, as_bytes(vector.aad)),
                                                      subkey.handle(), as_bytes("XAES-256-GCM")));
  CHECK(to_hex(ciphertext) == vector.ciphertext);
}

TEST_CASE_METHOD(TokenFixture, "session: HMAC agrees with OpenSSL", "[pkcs11][session]") {
  const Bytes key(64, 0x0b);
  const ObjectHandle handle = import_key(CKK_GENERIC_SECRET, key, {CKA_SIGN});
  const Bytes data = GENERATE(Bytes{}, Bytes(3, 7), Bytes(1000, 9));
  CHECK(REQUIRE_OK(session.sign(Mechanism::sha256_hmac(), handle, data)) ==
        test::openssl_hmac("SHA256", key, data));
  CHECK(REQUIRE_OK(session.sign(Mechanism::sha512_hmac(), handle, data)) ==
        test::openssl_hmac("SHA512", key, data));
}

TEST_CASE_METHOD(TokenFixture, "session: random bytes differ from draw to draw",
                 "[pkcs11][session]") {
  std::array<std::uint8_t, 32> first{};
  std::array<std::uint8_t, 32> second{};
  REQUIRE_OK(session.generate_random(first));
  REQUIRE_OK(session.generate_random(second));
  CHECK(first != second);
}

TEST_CASE_METHOD(TokenFixture, "session: finds all objects, however many", "[pkcs11][session]") {
  const std::size_t count = GENERATE(0U, 1U, 64U, 65U, 200U);
  for (std::size_t i = 0; i < count; ++i) {
    (void)REQUIRE_OK(session.create_object(data_object("many")));
  }
  (void)REQUIRE_OK(session.create_object(data_object("other")));
  CHECK(REQUIRE_OK(session.find_objects(data_object("many"))).size() == count);
}

TEST_CASE_METHOD(TokenFixture, "session: hidden and missing attributes have no value",
                 "[pkcs11][session]") {
  const ObjectHandle key = import_key(CKK_AES, Bytes(32, 1), {CKA_ENCRYPT});
  const AttributeType types[] = {CKA_VALUE, CKA_MODULUS, CKA_KEY_TYPE, CKA_ID};
  const auto found = REQUIRE_OK(session.get_attributes(key, types));
  REQUIRE(found.size() == 4);
  CHECK_FALSE(found[0].value);
  CHECK_FALSE(found[1].value);
  CHECK(found[2].value.value().size() == sizeof(CK_KEY_TYPE));
  CHECK(found[3].value.value().empty());
  CHECK_CODE(session.get_attribute(key, CKA_VALUE), Code::Internal);
  CHECK(session.usable());
}

TEST_CASE_METHOD(TokenFixture, "session: a SessionObject ends with its scope",
                 "[pkcs11][session]") {
  { const SessionObject gone(session, REQUIRE_OK(session.create_object(data_object("gone")))); }
  CHECK(REQUIRE_OK(session.find_objects(data_object("gone"))).empty());
  SessionObject kept(session, REQUIRE_OK(session.create_object(data_object("kept"))));
  (void)std::move(kept).release();
  CHECK(REQUIRE_OK(session.find_objects(data_object("kept"))).size() == 1);
}

TEST_CASE_METHOD(TokenFixture, "session: a key's void handle leaves the session usable",
                 "[pkcs11][session]") {
  const auto missing = session.sign(Mechanism::sha256_hmac(), ObjectHandle{987654}, Bytes{1});
  REQUIRE_FALSE(missing);
  CHECK(rv_class(missing.error()) == RvClass::Handle);
  CHECK(session.usable());
}

namespace {

// Everything a Session does, by the C_ function that is to fail in it.
struct Deed {
  const char* function;
  std::function<Result<void>(TokenFixture&)> act;
};

Result<void> outcome(auto result) {
  if (!result) {
    return std::move(result).error();
  }
  return {};
}

Result<void> encrypt_something(TokenFixture& on) {
  const ObjectHandle key = on.import_key(CKK_AES, Bytes(32, 1), {CKA_ENCRYPT});
  return outcome(on.session.encrypt(Mechanism::aes_gcm(kIv, {}), key, Bytes{1}));
}

Result<void> decrypt_something(TokenFixture& on) {
  const ObjectHandle key = on.import_key(CKK_AES, Bytes(32, 1), {CKA_DECRYPT});
  return outcome(on.session.decrypt(Mechanism::aes_gcm(kIv, {}), key, Bytes(17)));
}

Result<void> sign_something(TokenFixture& on) {
  const ObjectHandle key = on.import_key(CKK_GENERIC_SECRET, Bytes(32, 1), {CKA_SIGN});
  return outcome(on.session.sign(Mechanism::sha256_hmac(), key, Bytes{1}));
}

Result<void> find_something(TokenFixture& on) {
  return outcome(on.session.find_objects(data_object("x")));
}

const Deed kDeeds[] = {
    {"C_EncryptInit", encrypt_something},
    {"C_Encrypt", encrypt_something},
    {"C_DecryptInit", decrypt_something},
    {"C_Decrypt", decrypt_something},
    {"C_SignInit", sign_something},
    {"C_Sign", sign_something},
    {"C_FindObjectsInit", find_something},
    {"C_FindObjects", find_something},
    {"C_FindObjectsFinal", find_something},
    {"C_GenerateKey",
     [](TokenFixture& on) {
       return outcome(generate(on.session, Profile::MasterAes, Bytes{1}, "k"));
     }},
    {"C_GenerateKeyPair",
     [](TokenFixture& on) {
       return outcome(generate(on.session, Profile::EcdsaP256, Bytes{1}, "k"));
     }},
    {"C_DeriveKey",
     [](TokenFixture& on) {
       const ObjectHandle key = on.import_key(CKK_AES, Bytes(32, 1), {CKA_DERIVE});
       return outcome(derive_check_block(on.session, key));
     }},
    {"C_CreateObject",
     [](TokenFixture& on) { return outcome(on.session.create_object(data_object("x"))); }},
    {"C_DestroyObject",
     [](TokenFixture& on) {
       return on.session.destroy_object(REQUIRE_OK(on.session.create_object(data_object("x"))));
     }},
    {"C_GetAttributeValue",
     [](TokenFixture& on) {
       const auto object = REQUIRE_OK(on.session.create_object(data_object("x")));
       return outcome(on.session.get_attribute(object, CKA_LABEL));
     }},
    {"C_GenerateRandom",
     [](TokenFixture& on) {
       std::array<std::uint8_t, 4> out{};
       return on.session.generate_random(out);
     }},
};

bool is_final_call(std::string_view function) {
  return function == "C_Encrypt" || function == "C_Decrypt" || function == "C_Sign" ||
         function == "C_FindObjects" || function == "C_FindObjectsFinal";
}

}  // namespace

TEST_CASE_METHOD(TokenFixture,
                 "session: each failing call is named, once, and a dead token drops it",
                 "[pkcs11][session][fault]") {
  const Deed& deed = kDeeds[GENERATE(range(std::size_t{0}, std::size(kDeeds)))];
  INFO(deed.function);
  hsm.clear();
  hsm.rules(std::string("fail ") + deed.function + " 1 CKR_DEVICE_ERROR");
  const auto failed = deed.act(*this);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().detail() == std::string(deed.function) + ": CKR_DEVICE_ERROR");
  CHECK(failed.error().code() == Code::Unavailable);
  CHECK(hsm.count(deed.function) == 1);
  CHECK_FALSE(session.usable());
}

TEST_CASE_METHOD(TokenFixture, "session: what may leave an operation active makes it suspect",
                 "[pkcs11][session][fault]") {
  const Deed& deed = kDeeds[GENERATE(range(std::size_t{0}, std::size(kDeeds)))];
  INFO(deed.function);
  hsm.rules(std::string("fail ") + deed.function + " 1 CKR_ARGUMENTS_BAD");
  CHECK_CODE(deed.act(*this), Code::Internal);
  CHECK(session.usable() == !is_final_call(deed.function));
}

TEST_CASE_METHOD(TokenFixture, "session: encrypt, decrypt and sign are two calls each",
                 "[pkcs11][session]") {
  REQUIRE_OK(encrypt_something(*this));
  REQUIRE_OK(sign_something(*this));
  CHECK(hsm.count("C_Encrypt") == 1);
  CHECK(hsm.count("C_Sign") == 1);
}

TEST_CASE("mechanism: the digest is as long as its hash makes one", "[pkcs11][mechanism]") {
  // RFC 8017, section 9.2, note 1.
  CHECK(to_hex(ByteView(REQUIRE_OK(digest_info(Hash::Sha256, Bytes(32)))).first(19)) ==
        "3031300d060960864801650304020105000420");
  CHECK(to_hex(ByteView(REQUIRE_OK(digest_info(Hash::Sha384, Bytes(48)))).first(19)) ==
        "3041300d060960864801650304020205000430");
  CHECK(to_hex(ByteView(REQUIRE_OK(digest_info(Hash::Sha512, Bytes(64)))).first(19)) ==
        "3051300d060960864801650304020305000440");
  CHECK_CODE(digest_info(Hash::Sha256, Bytes(31)), Code::InvalidArgument);
  CHECK_CODE(digest_info(Hash::Sha512, Bytes(32)), Code::InvalidArgument);
}

}  // namespace kw::pkcs11
