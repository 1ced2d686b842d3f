// SPDX-License-Identifier: Apache-2.0
#include "service/api/public_format.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/owned.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::api {
namespace {

using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Bignum = Owned<BIGNUM, BN_free>;
using Builder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;

// What the OpenSSL and OpenSSH of the machine say of each algorithm.
struct Case {
  const char* algorithm;
  const char* type;   // EVP's name
  const char* curve;  // EVP's name; empty for RSA and Ed25519
  const char* jose;
  const char* ssh;
};
constexpr Case kCases[] = {
    {"rsa-2048-pss-sha256", "RSA", "", "PS256", "ssh-rsa"},
    {"rsa-2048-pkcs1-sha256", "RSA", "", "RS256", "ssh-rsa"},
    {"ecdsa-p256-sha256", "EC", "P-256", "ES256", "ecdsa-sha2-nistp256"},
    {"ecdsa-p384-sha384", "EC", "P-384", "ES384", "ecdsa-sha2-nistp384"},
    {"ecdsa-p521-sha512", "EC", "P-521", "ES512", "ecdsa-sha2-nistp521"},
    {"ed25519", "ED25519", "", "EdDSA", "ssh-ed25519"},
};

Pkey generate(const Case& wanted) {
  const std::string type = wanted.type;
  if (type == "RSA") return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
  if (type == "EC") return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", wanted.curve));
  return Pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, wanted.type));
}

Bytes info_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  REQUIRE(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

core::PublicKey half_of(const Case& wanted, Bytes info) {
  keys::Key key{KeyId::random(),
                REQUIRE_OK(KeyName::parse("prod/x")),
                keys::find_algorithm(wanted.algorithm),
                keys::Residency::Token,
                {},
                WallTime{},
                std::nullopt,
                {}};
  REQUIRE(key.algorithm != nullptr);
  return {std::make_shared<const keys::Key>(std::move(key)), Version{3}, std::move(info)};
}

std::string written(const Case& wanted, EVP_PKEY* key, PublicFormat format) {
  const Answer answer = REQUIRE_OK(write_public_key(half_of(wanted, info_of(key)), format));
  return std::string(as_text(answer.body.reveal()));
}

// Runs a command on a file that holds `text`; yields what it prints.
std::string run_on(const std::string& text, const std::string& command) {
  const kw::test::TempDir folder;
  const auto path = folder / "public";
  (void)REQUIRE_OK(write_file(path, text));
  std::FILE* const pipe = ::popen((command + " " + path.string() + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 256> piece{};
  while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) out += piece.data();
  const int status = ::pclose(pipe);
  INFO(out);
  CHECK(WEXITSTATUS(status) == 0);
  return out;
}

bool has_ssh_keygen() { return std::system("command -v ssh-keygen >/dev/null") == 0; }

std::string member(const nlohmann::json& jwk, const char* name) {
  return std::string(as_text(REQUIRE_OK(decode_base64url(jwk.at(name).get<std::string>()))));
}

Bignum number_of(const std::string& bytes) {
  return Bignum(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<int>(bytes.size()), nullptr));
}

Pkey from_params(const char* type, OSSL_PARAM* params) {
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  REQUIRE(EVP_PKEY_fromdata_init(context.get()) == 1);
  REQUIRE(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
  return Pkey(key);
}

Pkey rsa_of(const nlohmann::json& jwk) {
  const Builder builder(OSSL_PARAM_BLD_new());
  const Bignum n = number_of(member(jwk, "n"));
  const Bignum e = number_of(member(jwk, "e"));
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  return from_params("RSA", params.get());
}

Pkey ec_of(const nlohmann::json& jwk) {
  std::string curve = jwk.at("crv");
  std::string point = "\x04" + member(jwk, "x") + member(jwk, "y");
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  return from_params("EC", params);
}

Pkey ed_of(const nlohmann::json& jwk) {
  const std::string raw = member(jwk, "x");
  return Pkey(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(raw.data()), raw.size()));
}

// The key that a JWK describes, built by OpenSSL from its members alone.
Pkey key_of(const nlohmann::json& jwk) {
  if (jwk.at("kty") == "RSA") return rsa_of(jwk);
  return jwk.at("kty") == "EC" ? ec_of(jwk) : ed_of(jwk);
}

}  // namespace

TEST_CASE("public_format: writes PEM as OpenSSL does", "[api][public]") {
  for (const Case& wanted : kCases) {
    INFO(wanted.algorithm);
    const Pkey key = generate(wanted);
    const std::string pem = written(wanted, key.get(), PublicFormat::Pem);
    CHECK(run_on(pem, "openssl pkey -pubin -pubout -in") == pem);
  }
}

TEST_CASE("public_format: writes a JWK from which OpenSSL makes the same key", "[api][public]") {
  for (const Case& wanted : kCases) {
    INFO(wanted.algorithm);
    const Pkey key = generate(wanted);
    const auto jwk = nlohmann::json::parse(written(wanted, key.get(), PublicFormat::Jwk));
    const Pkey read = key_of(jwk);
    REQUIRE(read);
    CHECK(EVP_PKEY_eq(read.get(), key.get()) == 1);
    CHECK(jwk.at("alg") == wanted.jose);
    CHECK(jwk.at("use") == "sig");
    CHECK(jwk.at("kid") == "prod/x#3");
  }
}

TEST_CASE("public_format: gives JWK members the widths that RFC 7518 asks for", "[api][public]") {
  const auto jwk_of = [](const Case& wanted) {
    const Pkey key = generate(wanted);
    return nlohmann::json::parse(written(wanted, key.get(), PublicFormat::Jwk));
  };
  const auto rsa = jwk_of(kCases[0]);
  CHECK(member(rsa, "n").size() == 256);
  CHECK(rsa.at("e") == "AQAB");
  const std::size_t widths[] = {32, 48, 66};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto ec = jwk_of(kCases[2 + i]);
    CHECK(member(ec, "x").size() == widths[i]);
    CHECK(member(ec, "y").size() == widths[i]);
  }
}

TEST_CASE("public_format: keeps a coordinate's leading zeros", "[api][public]") {
  const Case& p256 = kCases[2];
  for (int tries = 0; tries < 20'000; ++tries) {
    const Pkey key = generate(p256);
    std::array<unsigned char, 65> point{};
    std::size_t size = 0;
    REQUIRE(EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            point.size(), &size) == 1);
    if (point[1] != 0) continue;
    const auto jwk = nlohmann::json::parse(written(p256, key.get(), PublicFormat::Jwk));
    CHECK(member(jwk, "x") == std::string(point.begin() + 1, point.begin() + 33));
    return;
  }
  FAIL("no such key in 20,000");
}

TEST_CASE("public_format: writes a line that OpenSSH reads as the same key", "[api][public]") {
  if (!has_ssh_keygen()) {
    WARN("no ssh-keygen here");
    return;
  }
  for (const Case& wanted : kCases) {
    INFO(wanted.algorithm);
    const Pkey key = generate(wanted);
    const std::string line = written(wanted, key.get(), PublicFormat::Ssh);
    CHECK(line.starts_with(std::string(wanted.ssh) + " "));
    CHECK(line.ends_with(" prod/x#3\n"));
    const std::string listed = run_on(line, "ssh-keygen -l -f");
    const std::string blob = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    std::string print = to_base64(sha256(REQUIRE_OK(decode_base64(blob))));
    print.resize(print.find('='));
    CHECK(listed.find("SHA256:" + print + " prod/x#3") != std::string::npos);
    if (wanted.type == std::string("ED25519")) continue;  // OpenSSH has no other form of these
    CHECK(run_on(line, "ssh-keygen -e -m PKCS8 -f") ==
          written(wanted, key.get(), PublicFormat::Pem));
  }
}

TEST_CASE("public_format: writes Ed25519's bytes into the line as RFC 8709 does", "[api][public]") {
  const Case& ed25519 = kCases[5];
  const Pkey key = generate(ed25519);
  const Bytes info = info_of(key.get());
  // RFC 8410: the last 32 bytes of the info are the key.
  Bytes blob = REQUIRE_OK(decode_hex("0000000b7373682d6564323535313900000020"));
  append(blob, ByteView(info).last(32));
  CHECK(written(ed25519, key.get(), PublicFormat::Ssh) ==
        "ssh-ed25519 " + to_base64(blob) + " prod/x#3\n");
}

TEST_CASE("public_format: names each format's media type", "[api][public]") {
  const Pkey key = generate(kCases[5]);
  const auto type_of = [&](PublicFormat format) {
    return REQUIRE_OK(write_public_key(half_of(kCases[5], info_of(key.get())), format))
        .content_type;
  };
  CHECK(type_of(PublicFormat::Pem) == "application/x-pem-file");
  CHECK(type_of(PublicFormat::Jwk) == "application/jwk+json");
  CHECK(type_of(PublicFormat::Ssh) == "text/plain");
}

TEST_CASE("public_format: a half that is none is the service's fault", "[api][public]") {
  for (const PublicFormat format : {PublicFormat::Pem, PublicFormat::Jwk, PublicFormat::Ssh}) {
    CHECK_CODE(write_public_key(half_of(kCases[5], {}), format), Code::Internal);
    CHECK_CODE(write_public_key(half_of(kCases[5], Bytes(44, 0x30)), format), Code::Internal);
  }
}

TEST_CASE("public_format: passes the door's refusal on", "[api][public]") {
  CHECK_CODE(write_public_key(Error(Code::PermissionDenied, "no"), PublicFormat::Pem),
             Code::PermissionDenied);
}

}  // namespace kw::api
