// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <set>

#include "pkcs11/cryptoki.h"
#include "pkcs11/family.h"
#include "pkcs11/profile.h"
#include "service/crypto/mac.h"
#include "service/crypto/random.h"
#include "service/crypto/service_mac.h"
#include "service/crypto/sign.h"
#include "service/crypto/verify.h"
#include "service/crypto/wrap.h"
#include "tests/support/signature_oracle.h"
#include "tests/support/suite3_oracle.h"
#include "tests/tpm/tpm_bench.h"

// The rooms below the door at a TPM 2.0. Signatures are checked by OpenSSL, blobs by
// tests/support/suite3_oracle.h.
namespace kw::crypto {
namespace {

using test::TpmBench;

constexpr std::string_view kText = "a data key";

std::size_t objects_of(TpmBench& tpm, const keys::Key& key) {
  pkcs11::ObjectTemplate wanted;
  wanted.bytes(CKA_ID, pkcs11::object_id(key.id, Version{1}));
  return REQUIRE_OK(tpm.bench->session().find_objects(wanted)).size();
}

std::size_t unused_keys(TpmBench& tpm) {
  pkcs11::ObjectTemplate wanted;
  wanted.text(CKA_LABEL, pkcs11::kUnusedLabel);
  return REQUIRE_OK(tpm.bench->session().find_objects(wanted)).size();
}

bool flag_of(TpmBench& tpm, pkcs11::ObjectHandle object, pkcs11::AttributeType type) {
  return REQUIRE_OK(tpm.bench->session().get_attribute(object, type)) == Bytes{CK_TRUE};
}

}  // namespace

TEST_CASE_METHOD(TpmBench,
                 "tpm: is known by its module, and its deviations are these and no others",
                 "[tpm]") {
  CHECK(bench->family() == pkcs11::Family::Tpm2);
  std::set<std::string_view> names;
  for (const pkcs11::Deviation& each : pkcs11::deviations(bench->family())) {
    names.insert(each.name);
    std::printf("deviation %s: %s\n", std::string(each.name).c_str(),
                std::string(each.why).c_str());
  }
  CHECK(names == std::set<std::string_view>{"rsa-decrypt", "rsa-raw-mechanism", "mac-key-type",
                                            "mac-wrap-with-trusted", "rsa-public-encrypt",
                                            "ec-public-verify", "ec-public-encrypt"});
  CHECK(pkcs11::deviations(pkcs11::Family::Standard).empty());
}

TEST_CASE_METHOD(TpmBench, "tpm: makes signing keys under their profile, and OpenSSL verifies",
                 "[tpm]") {
  for (const std::string algorithm :
       {"rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "rsa-3072-pss-sha256",
        "rsa-3072-pkcs1-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384"}) {
    INFO(algorithm);
    const keys::Key key = make_key(algorithm);
    const keys::KeyVersion& version = key.versions.front();
    CHECK(objects_of(*this, key) == 2);
    (void)REQUIRE_OK(verify_version(*bench, key, version));
    for (const std::string_view message : {std::string_view(), kText}) {
      const Bytes signature =
          REQUIRE_OK(sign_message(*bench, key, version, as_bytes(message), SignatureEncoding::Der));
      CHECK(test::signature_oracle::verifies(algorithm, version.public_key, as_bytes(message),
                                             signature));
    }
    CHECK(REQUIRE_OK(destroy_version(*bench, key.id, Version{1})) == 2);
    CHECK(objects_of(*this, key) == 0);
  }
}

TEST_CASE_METHOD(TpmBench, "tpm: a private half is sensitive, and only RSA's may decrypt",
                 "[tpm]") {
  for (const std::string algorithm : {"rsa-2048-pss-sha256", "ecdsa-p256-sha256"}) {
    INFO(algorithm);
    const keys::Key key = make_key(algorithm);
    const auto handle = REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm));
    for (const auto type : {CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_SIGN,
                            CKA_LOCAL, CKA_PRIVATE, CKA_WRAP_WITH_TRUSTED}) {
      CHECK(flag_of(*this, handle, type));
    }
    for (const auto type :
         {CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_UNWRAP, CKA_DERIVE, CKA_SIGN_RECOVER}) {
      CHECK_FALSE(flag_of(*this, handle, type));
    }
    CHECK(flag_of(*this, handle, CKA_DECRYPT) == algorithm.starts_with("rsa"));
    (void)REQUIRE_OK(destroy_version(*bench, key.id, Version{1}));
  }
}

TEST_CASE_METHOD(TpmBench, "tpm: says what it cannot do, and leaves nothing of it", "[tpm]") {
  for (const std::string algorithm : {"xaes-256-gcm", "aes-256-gcm-counted", "rsa-4096-pss-sha256",
                                      "rsa-4096-pkcs1-sha256", "ecdsa-p521-sha512", "ed25519"}) {
    INFO(algorithm);
    const keys::Key key = name_key(algorithm);
    const auto made = create_version(*bench, key, Version{1});
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == Code::Unimplemented);
    CHECK(made.error().advice() == "algorithm: this token cannot do " + algorithm);
    CHECK(objects_of(*this, key) == 0);
  }
}

TEST_CASE_METHOD(TpmBench, "tpm: a MAC key is one that the operator left, once", "[tpm]") {
  const std::size_t before = unused_keys(*this);
  const keys::Key key = make_key("hmac-sha512");
  CHECK(unused_keys(*this) == before - 1);
  CHECK(objects_of(*this, key) == 1);
  const keys::KeyVersion& version = key.versions.front();
  (void)REQUIRE_OK(verify_version(*bench, key, version));
  for (const std::size_t size : {0u, 1u, 4096u}) {
    const Bytes message(size, 'm');
    const Bytes made = REQUIRE_OK(mac(*bench, key, version, message));
    CHECK(made.size() == 64);
    CHECK(REQUIRE_OK(verify_mac(*bench, key, version, message, made)));
  }
  CHECK_CODE(mac(*bench, key, version, Bytes(4097, 'm')), Code::PayloadTooLarge);
  CHECK(bench->usable());
  const keys::Key none = name_key("hmac-sha512");  // with_tpm was asked for one
  const auto refused = create_version(*bench, none, Version{1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::Unimplemented);
  CHECK(refused.error().advice().find("docs/tpm.md") != std::string::npos);
  CHECK(unused_keys(*this) == before - 1);
}

TEST_CASE_METHOD(TpmBench, "tpm: the service's own MACs of anything, each purpose its own",
                 "[tpm]") {
  const keys::Key key = make_key("hmac-sha256");
  const Bytes message(20'000, 'm');
  const Bytes catalog =
      REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::Catalog, message));
  CHECK(REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::Catalog, message)) == catalog);
  CHECK(REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::AuditContext, message)) !=
        catalog);
  // The same HMAC as on any token: the module is asked for it by hand.
  Bytes input = to_bytes(as_bytes("keyward/mac-key/v1/catalog"));
  input.push_back(0);
  append(input, sha256(message));
  const keys::KeyVersion& version = key.versions.front();
  CHECK(REQUIRE_OK(mac(*bench, key, version, input)) == catalog);
}

TEST_CASE_METHOD(TpmBench, "tpm: suite 3, opened by another implementation under the message key",
                 "[tpm][suite3]") {
  const keys::Key key = make_key("aes-256-gcm-host");
  const keys::KeyVersion& version = key.versions.front();
  const Context bound = REQUIRE_OK(Context::from_pairs({{"tenant", "acme"}}));
  const Secret text = Secret::copy_of(as_bytes(kText));
  const Bytes bytes = REQUIRE_OK(wrap(*bench, key, version, text, bound));
  Blob blob = REQUIRE_OK(decode_blob(bytes));

  // The message key as docs/envelope-format.md says, asked of the TPM by hand.
  Bytes input{0, 0, 0, 1};
  append(input, as_bytes(std::string_view("keyward/suite-3/v1\0", 19)));
  append(input, ByteView(blob.nonce).first(12));
  append(input, Bytes{0, 0, 1, 0});
  const auto handle = REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm));
  const Bytes message_key =
      REQUIRE_OK(bench->session().sign(pkcs11::Mechanism::sha256_hmac(), handle, input));
  Bytes associated = to_bytes(as_bytes(std::string_view("keyward/blob/v1\0", 16)));
  append(associated, ByteView(bytes).first(26));
  append(associated, REQUIRE_OK(decode_hex("0001000674656e616e74000461636d65")));
  const auto plain = test::suite3_oracle::open(message_key, blob.nonce, blob.sealed, associated);
  REQUIRE(plain.has_value());
  CHECK(as_text(*plain) == kText);

  const Opened opened = REQUIRE_OK(unwrap(*bench, key, version, blob, bound));
  CHECK(as_text(std::get<Secret>(opened).reveal()) == kText);
  const Opened elsewhere = REQUIRE_OK(unwrap(*bench, key, version, blob, Context()));
  CHECK(std::get<OpenFailure>(elsewhere) == OpenFailure::NotAuthentic);
  blob.sealed.front() ^= 1;
  const Opened changed = REQUIRE_OK(unwrap(*bench, key, version, blob, bound));
  CHECK(std::get<OpenFailure>(changed) == OpenFailure::NotAuthentic);
  CHECK(bench->usable());
}

TEST_CASE_METHOD(TpmBench, "tpm: keys are there again for a module that is loaded anew", "[tpm]") {
  const keys::Key key = make_key("ecdsa-p256-sha256");
  bench.reset();
  token.reset();
  TpmBench again;
  (void)REQUIRE_OK(verify_version(*again.bench, key, key.versions.front()));
  CHECK(REQUIRE_OK(random_bytes(*again.bench, 64)).size() == 64);
}

}  // namespace kw::crypto
