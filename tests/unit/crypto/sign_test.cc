// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/sign.h"

#include "service/crypto/mac.h"
#include "service/crypto/random.h"
#include "service/crypto/service_mac.h"
#include "service/crypto/verify.h"
#include "tests/support/signature_oracle.h"
#include "tests/support/token_bench.h"
#include "tests/support/xaes_oracle.h"

#include <algorithm>
#include <set>

// Expected values: OpenSSL's own signatures and MACs (tests/support/signature_oracle.h), and DER as
// ITU-T X.690 writes it.
namespace kw::crypto {
namespace {

namespace signature_oracle = test::signature_oracle;

const Bytes kMessage = to_bytes(as_bytes("a message to be signed"));

std::string hash_name(const keys::Algorithm& algorithm) {
  return std::string(algorithm.name.substr(algorithm.name.rfind('-') + 1));
}

std::size_t width_of(const keys::Algorithm& algorithm) { return (algorithm.bits + 7u) / 8; }

struct SignFixture : test::TokenBench {
  Result<Bytes> signed_message(const keys::Key& key, SignatureEncoding encoding) {
    return sign_message(*bench, key, key.versions.front(), kMessage, encoding);
  }
  Result<Bytes> signed_digest(const keys::Key& key, ByteView digest) {
    return sign_digest(*bench, key, key.versions.front(), digest, SignatureEncoding::Der);
  }
};

}  // namespace

TEST_CASE_METHOD(SignFixture, "sign: OpenSSL verifies every algorithm", "[crypto][sign]") {
  for (const keys::Algorithm& algorithm : keys::algorithms()) {
    if (algorithm.purpose != keys::Purpose::Sign) continue;
    INFO(algorithm.name);
    const keys::Key key = make_key(algorithm.name);
    const Bytes& public_key = key.versions.front().public_key;
    const Bytes signature = REQUIRE_OK(signed_message(key, SignatureEncoding::Der));
    CHECK(signature_oracle::verifies(algorithm.name, public_key, kMessage, signature));
    CHECK(REQUIRE_OK(
        verify_message(algorithm, public_key, kMessage, signature, SignatureEncoding::Der)));
    if (algorithm.hash == keys::Hash::None) continue;
    const Bytes digest = signature_oracle::hash(hash_name(algorithm), kMessage);
    const Bytes of_digest = REQUIRE_OK(signed_digest(key, digest));
    CHECK(signature_oracle::verifies(algorithm.name, public_key, kMessage, of_digest));
    CHECK(REQUIRE_OK(
        verify_digest(algorithm, public_key, digest, of_digest, SignatureEncoding::Der)));
  }
}

TEST_CASE_METHOD(SignFixture, "sign: ECDSA comes in three encodings with a low s",
                 "[crypto][sign]") {
  const std::string name =
      GENERATE(as<std::string>{}, "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ecdsa-p521-sha512");
  const keys::Key key = make_key(name);
  const Bytes& public_key = key.versions.front().public_key;
  for (int i = 0; i < 16; ++i) {
    const Bytes der = REQUIRE_OK(signed_message(key, SignatureEncoding::Der));
    CHECK(signature_oracle::has_low_s(der, public_key));
    CHECK(signature_oracle::verifies(name, public_key, kMessage, der));
  }
  for (const SignatureEncoding encoding : {SignatureEncoding::Raw, SignatureEncoding::Jws}) {
    const Bytes raw = REQUIRE_OK(signed_message(key, encoding));
    CHECK(raw.size() == 2 * width_of(*key.algorithm));
    CHECK(signature_oracle::verifies(name, public_key, kMessage, to_der(raw)));
    CHECK(REQUIRE_OK(verify_message(*key.algorithm, public_key, kMessage, raw, encoding)));
  }
}

TEST_CASE_METHOD(SignFixture, "sign: refuses an encoding that the algorithm does not have",
                 "[crypto][sign]") {
  const keys::Key key = make_key("ed25519");
  CHECK_CODE(signed_message(key, SignatureEncoding::Raw), Code::InvalidArgument);
  CHECK(REQUIRE_OK(signed_message(key, SignatureEncoding::Jws)).size() == 64);
}

TEST_CASE_METHOD(SignFixture, "sign: refuses a digest of any other length", "[crypto][sign]") {
  const keys::Key key = make_key("ecdsa-p256-sha256");
  for (const std::size_t size : {0u, 1u, 20u, 31u, 33u, 48u, 64u, 200u}) {
    INFO(size);
    CHECK_CODE(signed_digest(key, Bytes(size, 1)), Code::InvalidArgument);
  }
  const keys::Key edwards = make_key("ed25519");
  CHECK_CODE(signed_digest(edwards, Bytes(32, 1)), Code::InvalidArgument);
  CHECK_CODE(signed_digest(edwards, Bytes(64, 1)), Code::InvalidArgument);
}

TEST_CASE_METHOD(SignFixture, "sign: refuses a message over the limit", "[crypto][sign]") {
  const keys::Key key = make_key("ed25519");
  const Bytes longest(kMaxMessageSize, 'x');
  const Bytes longer(kMaxMessageSize + 1, 'x');
  const keys::KeyVersion& version = key.versions.front();
  const Bytes signature =
      REQUIRE_OK(sign_message(*bench, key, version, longest, SignatureEncoding::Der));
  CHECK(signature_oracle::verifies("ed25519", version.public_key, longest, signature));
  CHECK_CODE(sign_message(*bench, key, version, longer, SignatureEncoding::Der),
             Code::InvalidArgument);
}

TEST_CASE_METHOD(SignFixture, "sign: a token that fails is unavailable", "[crypto][sign][fault]") {
  const keys::Key key = make_key("ecdsa-p256-sha256");
  const std::string function = GENERATE(as<std::string>{}, "C_SignInit", "C_Sign");
  hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
  CHECK_CODE(signed_message(key, SignatureEncoding::Der), Code::Unavailable);
}

TEST_CASE_METHOD(SignFixture, "sign: a stale handle is found again, once",
                 "[crypto][sign][fault]") {
  const keys::Key key = make_key("ecdsa-p256-sha256");
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  (void)REQUIRE_OK(signed_message(key, SignatureEncoding::Der));
  hsm.rules("fail C_SignInit * CKR_KEY_HANDLE_INVALID");
  CHECK_CODE(signed_message(key, SignatureEncoding::Der), Code::Unavailable);
}

TEST_CASE("signature: writes small numbers and leading ones as DER wants", "[crypto][sign]") {
  Bytes raw(64, 0);
  raw[31] = 1;
  raw[63] = 1;
  CHECK(to_hex(to_der(raw)) == "3006020101020101");
  raw[31] = 0x80;  // a top bit needs a zero before it
  CHECK(to_hex(to_der(raw)) == "300702020080020101");
  CHECK(to_hex(signature_oracle::raw_of(to_der(raw), 32)) == to_hex(raw));
}

TEST_CASE("signature: brings s into the lower half", "[crypto][sign]") {
  for (const auto& [bits, scheme] :
       {std::pair(256u, "ecdsa-p256-sha256"), std::pair(384u, "ecdsa-p384-sha384"),
        std::pair(521u, "ecdsa-p521-sha512")}) {
    const signature_oracle::Signed made = signature_oracle::sign(scheme, kMessage);
    const Bytes other = signature_oracle::with_other_s(made.signature, made.public_key);
    const std::size_t width = ecdsa_width(bits);
    const Bytes one = REQUIRE_OK(with_low_s(bits, signature_oracle::raw_of(made.signature, width)));
    const Bytes two = REQUIRE_OK(with_low_s(bits, signature_oracle::raw_of(other, width)));
    CHECK(one == two);
    CHECK(signature_oracle::has_low_s(to_der(one), made.public_key));
  }
}

TEST_CASE("signature: refuses what is no pair below the order", "[crypto][sign]") {
  const Bytes order =
      REQUIRE_OK(decode_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"));
  Bytes one(32, 0);
  one.back() = 1;
  const auto join = [](Bytes r, const Bytes& s) {
    append(r, s);
    return r;
  };
  (void)REQUIRE_OK(with_low_s(256, join(one, one)));
  for (const Bytes& bad : {join(order, one), join(one, order), join(Bytes(32, 0), one),
                           join(one, Bytes(32, 0)), join(one, Bytes(31, 1)), Bytes()}) {
    CHECK_CODE(with_low_s(256, bad), Code::Internal);
  }
}

TEST_CASE("verify: accepts what OpenSSL signed and nothing changed", "[crypto][verify]") {
  for (const char* name : {"rsa-2048-pss-sha256", "rsa-2048-pkcs1-sha256", "ecdsa-p256-sha256",
                           "ecdsa-p384-sha384", "ecdsa-p521-sha512", "ed25519"}) {
    INFO(name);
    const keys::Algorithm& algorithm = *keys::find_algorithm(name);
    const signature_oracle::Signed made = signature_oracle::sign(name, kMessage);
    const auto valid = [&](ByteView message, ByteView signature) {
      return REQUIRE_OK(
          verify_message(algorithm, made.public_key, message, signature, SignatureEncoding::Der));
    };
    CHECK(valid(kMessage, made.signature));
    CHECK_FALSE(valid(as_bytes("another message"), made.signature));
    CHECK_FALSE(valid(kMessage, {}));
    CHECK_FALSE(valid(kMessage, ByteView(made.signature).first(made.signature.size() - 1)));
    Bytes longer = made.signature;
    longer.push_back(0);
    CHECK_FALSE(valid(kMessage, longer));
    for (std::size_t at = 0; at < made.signature.size(); at += 7) {
      Bytes changed = made.signature;
      changed[at] ^= 1;
      CHECK_FALSE(valid(kMessage, changed));
    }
  }
}

TEST_CASE("verify: accepts s in either half", "[crypto][verify]") {
  const keys::Algorithm& algorithm = *keys::find_algorithm("ecdsa-p256-sha256");
  const signature_oracle::Signed made = signature_oracle::sign(algorithm.name, kMessage);
  for (const Bytes& der :
       {made.signature, signature_oracle::with_other_s(made.signature, made.public_key)}) {
    CHECK(REQUIRE_OK(
        verify_message(algorithm, made.public_key, kMessage, der, SignatureEncoding::Der)));
    CHECK(REQUIRE_OK(verify_message(algorithm, made.public_key, kMessage,
                                    signature_oracle::raw_of(der, 32), SignatureEncoding::Raw)));
  }
}

TEST_CASE("verify: keeps the encodings apart", "[crypto][verify]") {
  const keys::Algorithm& algorithm = *keys::find_algorithm("ecdsa-p256-sha256");
  const signature_oracle::Signed made = signature_oracle::sign(algorithm.name, kMessage);
  CHECK_FALSE(REQUIRE_OK(verify_message(algorithm, made.public_key, kMessage, made.signature,
                                        SignatureEncoding::Raw)));
  CHECK_FALSE(REQUIRE_OK(verify_message(algorithm, made.public_key, kMessage,
                                        signature_oracle::raw_of(made.signature, 32),
                                        SignatureEncoding::Der)));
  CHECK_FALSE(REQUIRE_OK(
      verify_message(algorithm, made.public_key, kMessage, Bytes(64, 0), SignatureEncoding::Raw)));
}

TEST_CASE("verify: takes the PSS salt of the hash's length alone", "[crypto][verify]") {
  const keys::Algorithm& algorithm = *keys::find_algorithm("rsa-2048-pss-sha256");
  for (const int salt : {0, 31, 32, 33}) {
    const signature_oracle::Signed made = signature_oracle::sign(algorithm.name, kMessage, salt);
    CHECK(REQUIRE_OK(verify_message(algorithm, made.public_key, kMessage, made.signature,
                                    SignatureEncoding::Der)) == (salt == 32));
  }
}

TEST_CASE("verify: refuses a public half of another kind or size", "[crypto][verify]") {
  const signature_oracle::Signed made = signature_oracle::sign("ecdsa-p256-sha256", kMessage);
  for (const char* name : {"ecdsa-p384-sha384", "ed25519", "rsa-2048-pss-sha256"}) {
    CHECK_CODE(verify_message(*keys::find_algorithm(name), made.public_key, kMessage,
                              made.signature, SignatureEncoding::Der),
               Code::Internal);
  }
  Bytes longer = made.public_key;
  longer.push_back(0);
  const keys::Algorithm& algorithm = *keys::find_algorithm("ecdsa-p256-sha256");
  for (const Bytes& bad : {longer, Bytes(), Bytes(91, 0)}) {
    CHECK_CODE(verify_message(algorithm, bad, kMessage, made.signature, SignatureEncoding::Der),
               Code::Internal);
  }
}

TEST_CASE("verify: refuses a digest of another length in every algorithm", "[crypto][verify]") {
  for (const keys::Algorithm& algorithm : keys::algorithms()) {
    if (algorithm.purpose != keys::Purpose::Sign) continue;
    CHECK_CODE(verify_digest(algorithm, {}, Bytes(20, 1), {}, SignatureEncoding::Der),
               Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(SignFixture, "mac: equals OpenSSL's HMAC", "[crypto][mac]") {
  for (const auto& [name, digest, size] :
       {std::tuple("hmac-sha256", "SHA256", 32u), std::tuple("hmac-sha512", "SHA512", 64u)}) {
    const Bytes value(size, 0x3c);
    const keys::Key key = import_mac_key(name, value);
    const keys::KeyVersion& version = key.versions.front();
    for (const std::size_t length : {0u, 1u, 200u}) {
      const Bytes message(length, 'm');
      const Bytes expected = signature_oracle::hmac(digest, value, message);
      CHECK(REQUIRE_OK(mac(*bench, key, version, message)) == expected);
      CHECK(REQUIRE_OK(verify_mac(*bench, key, version, message, expected)));
    }
  }
}

TEST_CASE_METHOD(SignFixture, "mac: verifies the whole MAC and nothing else", "[crypto][mac]") {
  const keys::Key key = make_key("hmac-sha256");
  const keys::KeyVersion& version = key.versions.front();
  const Bytes good = REQUIRE_OK(mac(*bench, key, version, kMessage));
  CHECK(REQUIRE_OK(verify_mac(*bench, key, version, kMessage, good)));
  CHECK_FALSE(REQUIRE_OK(verify_mac(*bench, key, version, kMessage, {})));
  CHECK_FALSE(REQUIRE_OK(verify_mac(*bench, key, version, kMessage, ByteView(good).first(16))));
  CHECK_FALSE(REQUIRE_OK(verify_mac(*bench, key, version, {}, good)));
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes changed = good;
    changed[at] ^= 1;
    CHECK_FALSE(REQUIRE_OK(verify_mac(*bench, key, version, kMessage, changed)));
  }
}

TEST_CASE_METHOD(SignFixture, "mac: a token that fails is unavailable", "[crypto][mac][fault]") {
  const keys::Key key = make_key("hmac-sha256");
  const std::string function = GENERATE(as<std::string>{}, "C_SignInit", "C_Sign");
  hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
  CHECK_CODE(mac(*bench, key, key.versions.front(), kMessage), Code::Unavailable);
}

TEST_CASE_METHOD(SignFixture, "service mac: equals OpenSSL's HMAC under the derived key",
                 "[crypto][mac]") {
  const Bytes value(32, 0x5a);
  const keys::Key key = import_wrap_key(value);
  const auto expected = [&](std::string_view label, ByteView message) {
    const Bytes data = signature_oracle::hash("SHA256", as_bytes(label));
    return signature_oracle::hmac("SHA256", test::xaes_oracle::aes_block(value, data), message);
  };
  const Context context = REQUIRE_OK(Context::from_pairs({{"tenant", "acme"}}));
  const Bytes canonical = REQUIRE_OK(decode_hex("0001000674656e616e74000461636d65"));
  CHECK(REQUIRE_OK(context_mac(*bench, key, Version{1}, context)) ==
        expected("keyward/mac-key/v1/audit-context", canonical));
  CHECK(REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::Catalog, kMessage)) ==
        expected("keyward/mac-key/v1/catalog", kMessage));
  (void)REQUIRE_OK(context_mac(*bench, key, Version{1}, Context()));
  CHECK(bench->derived().derivations() == 2);
}

TEST_CASE_METHOD(SignFixture, "service mac: derives anew where the token lost the derived key",
                 "[crypto][mac][fault]") {
  const keys::Key key = make_key("xaes-256-gcm");
  const Bytes before = REQUIRE_OK(context_mac(*bench, key, Version{1}, Context()));
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(REQUIRE_OK(context_mac(*bench, key, Version{1}, Context())) == before);
  hsm.rules("fail C_Sign 1 CKR_DEVICE_ERROR");
  CHECK_CODE(context_mac(*bench, key, Version{1}, Context()), Code::Unavailable);
}

TEST_CASE_METHOD(SignFixture, "random: gives 1 to 4,096 bytes, each time others",
                 "[crypto][random]") {
  for (const std::size_t size : {1u, 32u, 4096u}) {
    CHECK(REQUIRE_OK(random_bytes(*bench, size)).size() == size);
  }
  CHECK_CODE(random_bytes(*bench, 0), Code::InvalidArgument);
  CHECK_CODE(random_bytes(*bench, 4097), Code::InvalidArgument);
  std::set<Bytes> seen;
  for (int i = 0; i < 100; ++i) {
    const Secret drawn = REQUIRE_OK(random_bytes(*bench, 16));
    seen.insert(to_bytes(drawn.reveal()));
  }
  CHECK(seen.size() == 100);
}

TEST_CASE_METHOD(SignFixture, "random: a token that fails is unavailable",
                 "[crypto][random][fault]") {
  hsm.rules("fail C_GenerateRandom 1 CKR_DEVICE_ERROR");
  CHECK_CODE(random_bytes(*bench, 16), Code::Unavailable);
}

}  // namespace kw::crypto
