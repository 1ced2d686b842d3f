// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "pkcs11/cryptoki.h"
#include "service/crypto/create.h"
#include "service/crypto/kek.h"
#include "service/crypto/mac.h"
#include "service/crypto/sign.h"
#include "service/crypto/verify.h"
#include "tests/support/kwp_oracle.h"
#include "wrap_fixture.h"

namespace kw::crypto {
namespace {

namespace kwp_oracle = test::kwp_oracle;

constexpr Version kOne{1};
const Bytes kKekValue(32, 0x6b);

struct WrappedFixture : test::TokenBench {
  WorkingKeyMeter meter;
  std::map<pkcs11::KekKind, bool> keks;

  // A bench that keeps few keys.
  std::unique_ptr<Workbench> small_bench(std::size_t limit, std::size_t sealing = 512) {
    DerivedLimits limits;
    limits.sealing_keys = sealing;
    return std::make_unique<Workbench>(REQUIRE_OK(token->open_session()), pace, limits,
                                       WorkingKeyOptions{limit, &meter});
  }

  keys::Key name_wrapped(std::string_view algorithm) {
    keys::Key key = name_key(algorithm);
    key.residency = keys::Residency::Wrapped;
    const pkcs11::KekKind kind = *kek_kind_of(*key.algorithm);
    if (!keks[kind]) (void)REQUIRE_OK(create_kek(*bench, kind, kOne));
    keks[kind] = true;
    return key;
  }

  keys::Key make_wrapped(std::string_view algorithm) {
    keys::Key key = name_wrapped(algorithm);
    VersionMaterial made = REQUIRE_OK(create_wrapped_version(*bench, key, kOne, kOne));
    keys::KeyVersion version;
    version.number = kOne;
    version.state = keys::State::Enabled;
    version.public_key = std::move(made.public_key);
    version.check = std::move(made.check);
    version.wrapped = std::move(made.wrapped);
    version.kek = made.kek;
    key.versions.push_back(std::move(version));
    return key;
  }

  static Result<Bytes> use(Workbench& at, const keys::Key& key) {
    const keys::KeyVersion& version = key.versions.front();
    switch (key.algorithm->purpose) {
      case keys::Purpose::Wrap:
        return wrap(at, key, version, secret("text"), Context());
      case keys::Purpose::Mac:
        return mac(at, key, version, as_bytes("text"));
      default:
        return sign_message(at, key, version, as_bytes("text"), SignatureEncoding::Der);
    }
  }

  std::size_t token_objects() {
    pkcs11::ObjectTemplate all;
    all.flag(CKA_TOKEN, true);
    return REQUIRE_OK(bench->session().find_objects(all)).size();
  }

  void destroy_kek(pkcs11::KekKind kind) {
    CHECK(REQUIRE_OK(destroy_version(*open_bench(), kek_id(kind), kOne)) == 1);
  }
};

}  // namespace

TEST_CASE_METHOD(WrappedFixture, "wrapped: every algorithm but two works and leaves no object",
                 "[crypto][wrapped]") {
  const std::string name =
      GENERATE(as<std::string>{}, "xaes-256-gcm", "aes-256-gcm-host", "hmac-sha256", "hmac-sha512",
               "rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "rsa-3072-pss-sha256",
               "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512");
  INFO(name);
  (void)name_wrapped(name);
  const std::size_t before = token_objects();
  const keys::Key key = make_wrapped(name);
  CHECK(token_objects() == before);
  const auto fresh = small_bench(4);  // which has to unwrap it
  const Bytes made = REQUIRE_OK(use(*fresh, key));
  CHECK(meter.unwrapped.value() == 1);
  const keys::KeyVersion& version = key.versions.front();
  if (key.algorithm->purpose == keys::Purpose::Sign) {
    CHECK(REQUIRE_OK(verify_message(*key.algorithm, version.public_key, as_bytes("text"), made,
                                    SignatureEncoding::Der)));
  } else if (key.algorithm->purpose == keys::Purpose::Mac) {
    CHECK(REQUIRE_OK(verify_mac(*bench, key, version, as_bytes("text"), made)));
  } else {
    const Blob blob = REQUIRE_OK(decode_blob(made));
    const Opened opened = REQUIRE_OK(unwrap(*bench, key, version, blob, Context()));
    CHECK(as_text(std::get<Secret>(opened).reveal()) == "text");
  }
  (void)REQUIRE_OK(verify_version(*fresh, key, version));
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: two algorithms have no KEK", "[crypto][wrapped]") {
  keys::Key key = name_key(GENERATE(as<std::string>{}, "ed25519", "aes-256-gcm-counted"));
  key.residency = keys::Residency::Wrapped;
  CHECK_FALSE(kek_kind_of(*key.algorithm));
  CHECK_CODE(create_wrapped_version(*bench, key, kOne, kOne), Code::Internal);
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: OpenSSL opens a blob with the key under the KEK",
                 "[crypto][wrapped]") {
  pkcs11::ObjectTemplate kek;
  kek.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .flag(CKA_TOKEN, false)
      .flag(CKA_WRAP, true)
      .flag(CKA_UNWRAP, true)
      .secret(CKA_VALUE, Secret::copy_of(kKekValue));
  const auto handle = REQUIRE_OK(bench->session().create_object(kek));
  bench->keyring().adopt(kek_id(pkcs11::KekKind::Aes), kOne, handle);
  keks[pkcs11::KekKind::Aes] = true;
  const keys::Key key = make_wrapped("xaes-256-gcm");
  const Bytes blob = REQUIRE_OK(use(*bench, key));
  const Bytes value = kwp_oracle::unwrap(kKekValue, key.versions.front().wrapped);
  REQUIRE(value.size() == 32);
  const auto opened = xaes_oracle::open(value, nonce_of(blob), ByteView(blob).subspan(50),
                                        expected_associated(blob, Context().canonical()));
  REQUIRE(opened);
  CHECK(as_text(*opened) == "text");
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: a keyring keeps a bounded number, the longest unused go",
                 "[crypto][wrapped]") {
  std::vector<keys::Key> all;
  for (int i = 0; i < 6; ++i) all.push_back(make_wrapped("hmac-sha256"));
  const auto few = small_bench(4);
  for (const keys::Key& key : all) (void)REQUIRE_OK(use(*few, key));
  CHECK(few->keyring().working_keys() == 4);
  CHECK(meter.unwrapped.value() == 6);
  CHECK(meter.evicted.value() == 2);
  hsm.clear();
  for (std::size_t i = 2; i < 6; ++i) (void)REQUIRE_OK(use(*few, all[i]));
  CHECK(hsm.count("C_UnwrapKey") == 0);
  CHECK(meter.reused.value() == 4);
  (void)REQUIRE_OK(use(*few, all[0]));
  CHECK(hsm.count("C_UnwrapKey") == 1);
  CHECK(hsm.count("C_DestroyObject") == 1);
  few->forget(all[0].id);
  CHECK(few->keyring().working_keys() == 3);
  CHECK(hsm.count("C_DestroyObject") == 2);
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: keys for sealing are bounded, and none repeats a nonce",
                 "[crypto][wrapped]") {
  const auto few = small_bench(2, 2);
  std::vector<keys::Key> all;
  for (int i = 0; i < 3; ++i) all.push_back(make_wrapped("xaes-256-gcm"));
  std::set<Bytes> prefixes;
  for (int round = 0; round < 2; ++round) {
    for (const keys::Key& key : all) prefixes.insert(prefix_of(REQUIRE_OK(use(*few, key))));
  }
  CHECK(prefixes.size() == 6);  // each had to begin anew
  prefixes.insert(prefix_of(REQUIRE_OK(use(*few, all[2]))));
  CHECK(prefixes.size() == 6);
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: another key's material is refused, and suspected",
                 "[crypto][wrapped][attack]") {
  for (const char* name : {"xaes-256-gcm", "hmac-sha256", "ecdsa-p256-sha256"}) {
    INFO(name);
    keys::Key one = make_wrapped(name);
    const keys::Key two = make_wrapped(name);
    one.versions.front().wrapped = two.versions.front().wrapped;
    const auto fresh = small_bench(4);
    CHECK_CODE(use(*fresh, one), Code::Internal);
    CHECK(fresh->keyring().working_keys() == 0);
    CHECK(meter.take_suspects() == std::vector{one.id});
    CHECK_CODE(verify_version(*fresh, one, one.versions.front()), Code::Internal);
    (void)meter.take_suspects();
    (void)REQUIRE_OK(use(*fresh, two));
  }
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: material of another type or changed is refused",
                 "[crypto][wrapped][attack]") {
  keys::Key mac_key = make_wrapped("hmac-sha256");
  const keys::Key aes_key = make_wrapped("xaes-256-gcm");
  Bytes material = mac_key.versions.front().wrapped;
  SECTION("an AES key as an HMAC key") { material = aes_key.versions.front().wrapped; }
  SECTION("changed") { material[11] ^= 1; }
  SECTION("cut") { material.resize(32); }
  SECTION("none") { material.clear(); }
  mac_key.versions.front().wrapped = material;
  const auto fresh = small_bench(4);
  CHECK_CODE(use(*fresh, mac_key), Code::Internal);
  CHECK(fresh->usable());
  (void)REQUIRE_OK(use(*fresh, aes_key));
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: a KEK that is not there is an outage",
                 "[crypto][wrapped][fault]") {
  const keys::Key key = make_wrapped("hmac-sha256");
  destroy_kek(pkcs11::KekKind::Hmac);
  const auto fresh = small_bench(4);
  CHECK_CODE(use(*fresh, key), Code::Unavailable);
  CHECK_CODE(verify_version(*fresh, key, key.versions.front()), Code::Unavailable);
  CHECK(meter.take_suspects().empty());
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: another KEK in its place brings nothing back",
                 "[crypto][wrapped][attack]") {
  const pkcs11::KekKind kind = GENERATE(pkcs11::KekKind::Hmac, pkcs11::KekKind::Ec);
  const keys::Key key =
      make_wrapped(kind == pkcs11::KekKind::Hmac ? "hmac-sha256" : "ecdsa-p256-sha256");
  const keys::KeyVersion canary = REQUIRE_OK(create_kek(*bench, kind, Version{2}));
  keys::Key watched = canary_of(kind);
  (void)REQUIRE_OK(verify_version(*bench, watched, canary));
  destroy_kek(kind);
  const Bytes id = pkcs11::object_id(kek_id(kind), kOne);
  (void)REQUIRE_OK(pkcs11::generate_kek(bench->session(), kind, id, "another"));
  const auto fresh = small_bench(4);
  CHECK_CODE(use(*fresh, key), Code::Internal);
  CHECK(fresh->usable());
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: a KEK without its templates is refused",
                 "[crypto][wrapped][attack]") {
  const keys::Key key = make_wrapped("hmac-sha256");
  destroy_kek(pkcs11::KekKind::Hmac);
  const Bytes id = pkcs11::object_id(kek_id(pkcs11::KekKind::Hmac), kOne);
  // Of another kind, and so with other templates.
  (void)REQUIRE_OK(pkcs11::generate_kek(bench->session(), pkcs11::KekKind::Aes, id, "kek"));
  CHECK_CODE(use(*small_bench(4), key), Code::Internal);
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: a token that fails to unwrap is an outage",
                 "[crypto][wrapped][fault]") {
  const keys::Key key = make_wrapped("hmac-sha256");
  for (const char* rule :
       {"fail C_UnwrapKey * CKR_DEVICE_ERROR", "fail C_UnwrapKey * CKR_GENERAL_ERROR",
        "fail C_UnwrapKey * CKR_DEVICE_MEMORY", "fail C_GetAttributeValue * CKR_DEVICE_ERROR",
        "fail C_SignInit * CKR_DEVICE_ERROR", "fail C_FindObjectsInit * CKR_GENERAL_ERROR"}) {
    INFO(rule);
    const auto fresh = small_bench(4);
    hsm.clear();
    hsm.rules(rule);
    CHECK_CODE(use(*fresh, key), Code::Unavailable);
    hsm.clear();
    CHECK(meter.take_suspects().empty());
  }
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: one failure of a token that works is no verdict",
                 "[crypto][wrapped][fault]") {
  const keys::Key key = make_wrapped("hmac-sha256");
  const auto fresh = small_bench(4);
  hsm.clear();
  hsm.rules("fail C_UnwrapKey 1 CKR_GENERAL_ERROR");
  (void)REQUIRE_OK(use(*fresh, key));
  CHECK(fresh->usable());
  CHECK(meter.take_suspects().empty());
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: a handle that the token forgot is unwrapped again",
                 "[crypto][wrapped][fault]") {
  const keys::Key key = make_wrapped("hmac-sha256");
  const auto fresh = small_bench(4);
  (void)REQUIRE_OK(use(*fresh, key));
  hsm.clear();
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  (void)REQUIRE_OK(use(*fresh, key));
  CHECK(hsm.count("C_UnwrapKey") == 1);
}

TEST_CASE_METHOD(WrappedFixture, "wrapped: creation leaves nothing behind where the token fails",
                 "[crypto][wrapped][fault]") {
  for (const auto& [name, function] :
       {std::pair("xaes-256-gcm", "C_GenerateKey"), std::pair("xaes-256-gcm", "C_WrapKey"),
        std::pair("xaes-256-gcm", "C_UnwrapKey"), std::pair("xaes-256-gcm", "C_GetAttributeValue"),
        std::pair("xaes-256-gcm", "C_DeriveKey"), std::pair("hmac-sha256", "C_SignInit"),
        std::pair("ecdsa-p256-sha256", "C_GenerateKeyPair"),
        std::pair("ecdsa-p256-sha256", "C_SignInit")}) {
    INFO(name << " " << function);
    const keys::Key key = name_wrapped(name);
    bench = open_bench();
    (void)REQUIRE_OK(bench->keyring().find_kek(*kek_kind_of(*key.algorithm), kOne));
    const std::size_t before = token_objects();
    hsm.clear();
    hsm.rules(std::string("fail ") + function + " 1 CKR_FUNCTION_FAILED");
    CHECK_CODE(create_wrapped_version(*bench, key, kOne, kOne), Code::Unavailable);
    CHECK(bench->keyring().working_keys() == 0);
    bench = open_bench();
    CHECK(token_objects() == before);
  }
}

TEST_CASE_METHOD(WrappedFixture, "kek: making one again replaces what a start cut short left",
                 "[crypto][wrapped]") {
  (void)REQUIRE_OK(create_kek(*bench, pkcs11::KekKind::Aes, kOne));
  const std::size_t before = token_objects();
  const keys::KeyVersion canary = REQUIRE_OK(create_kek(*bench, pkcs11::KekKind::Aes, kOne));
  CHECK(token_objects() == before);
  (void)REQUIRE_OK(verify_version(*open_bench(), canary_of(pkcs11::KekKind::Aes), canary));
}

}  // namespace kw::crypto
