// SPDX-License-Identifier: Apache-2.0
#include "service/identity/caller.h"

#include <openssl/pem.h>

#include <memory>

#include "base/bytes.h"
#include "base/owned.h"
#include "tests/support/expect.h"
#include "tests/support/pki.h"

namespace kw::identity {
namespace {

using Certificate = Owned<X509, X509_free>;

Certificate parse(const test::Identity& identity) {
  BIO* bio =
      BIO_new_mem_buf(identity.certificate.data(), static_cast<int>(identity.certificate.size()));
  Certificate certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  REQUIRE(certificate != nullptr);
  return certificate;
}

Result<std::shared_ptr<const Caller>> caller_of(const test::LeafOptions& options) {
  static const test::Pki pki;
  return from_certificate(parse(pki.issue(options)).get());
}

}  // namespace

TEST_CASE("caller: carries what the certificate proves", "[identity][caller]") {
  test::LeafOptions options;
  options.common_name = "payments, team";
  options.dns_names = {"pay.example.org", "pay2.example.org"};
  options.uris = {"https://example.org/x", "spiffe://example.org/pay"};
  const auto caller = REQUIRE_OK(caller_of(options));
  CHECK(caller->subject() == "CN=payments\\, team");
  CHECK(caller->dns_names() == options.dns_names);
  CHECK(caller->spiffe_ids() == std::vector<std::string>{"spiffe://example.org/pay"});
  CHECK(caller->display_name() == "spiffe://example.org/pay");
  CHECK(caller->proof() == "mtls");
  CHECK(caller->not_after() > wall_now() + std::chrono::minutes(55));
  CHECK(caller->not_after() < wall_now() + std::chrono::minutes(65));
}

TEST_CASE("caller: a DNS name has one spelling, the lower-case one", "[identity][caller]") {
  test::LeafOptions options;
  options.dns_names = {"Pay.EXAMPLE.org"};
  const auto caller = REQUIRE_OK(caller_of(options));
  CHECK(caller->dns_names() == std::vector<std::string>{"pay.example.org"});
}

TEST_CASE("caller: its SPKI is the SHA-256 that OpenSSL computes", "[identity][caller]") {
  const test::Pki pki;
  const auto certificate = parse(pki.issue({}));
  unsigned char digest[32];
  unsigned size = 0;
  // RFC 7469 pins hash the whole SubjectPublicKeyInfo; OpenSSL writes it with i2d_PUBKEY.
  unsigned char* der = nullptr;
  const int der_size = i2d_PUBKEY(X509_get0_pubkey(certificate.get()), &der);
  REQUIRE(EVP_Digest(der, static_cast<std::size_t>(der_size), digest, &size, EVP_sha256(),
                     nullptr) == 1);
  OPENSSL_free(der);
  const auto caller = REQUIRE_OK(from_certificate(certificate.get()));
  CHECK(caller->spki() == "sha256:" + to_hex(digest));
}

TEST_CASE("caller: is shown by SPIFFE id, else DNS name, else subject, else key",
          "[identity][caller]") {
  test::LeafOptions options;
  CHECK(REQUIRE_OK(caller_of(options))->display_name() == "CN=app");
  options.dns_names = {"a.example.org"};
  CHECK(REQUIRE_OK(caller_of(options))->display_name() == "a.example.org");
  options.dns_names.clear();
  options.common_name.clear();
  const auto nameless = REQUIRE_OK(caller_of(options));
  CHECK(nameless->display_name() == nameless->spki());
}

TEST_CASE("caller: same names and serial with another key is another caller (1, 2)",
          "[identity][negative]") {
  test::LeafOptions options;
  options.dns_names = {"pay.example.org"};
  options.serial = 77;
  const auto one = REQUIRE_OK(caller_of(options));
  const auto two = REQUIRE_OK(caller_of(options));
  CHECK(one->subject() == two->subject());
  CHECK(one->spki() != two->spki());
}

TEST_CASE("caller: a certificate that can prove nobody is refused (8, 11, 12)",
          "[identity][negative]") {
  test::LeafOptions options;
  SECTION("RSA-1024") { options.key = test::KeyKind::Rsa1024; }
  SECTION("P-192") { options.key = test::KeyKind::P192; }
  SECTION("SHA-1 signature") { options.digest = "SHA1"; }
  SECTION("a CA") { options.role = test::Role::Authority; }
  SECTION("a server's") { options.usage = test::ExtendedUsage::Server; }
  SECTION("NUL in the common name") { options.common_name = std::string("app\0.evil", 9); }
  const auto refused = caller_of(options);
  CHECK_CODE(refused, Code::Unauthenticated);
  CHECK_FALSE(refused.error().advice().empty());
}

TEST_CASE("caller: RSA-2048 or no extended key usage is enough", "[identity][caller]") {
  test::LeafOptions options;
  SECTION("RSA-2048") { options.key = test::KeyKind::Rsa2048; }
  SECTION("no extended key usage") { options.usage = test::ExtendedUsage::Absent; }
  (void)REQUIRE_OK(caller_of(options));
}

TEST_CASE("caller: differences of case and space in a name stay differences (12)",
          "[identity][negative]") {
  for (const std::string name : {"App", "app ", "ap\xd1\x80"}) {
    test::LeafOptions options;
    options.common_name = name;
    CHECK(REQUIRE_OK(caller_of(options))->subject() != "CN=app");
  }
}

}  // namespace kw::identity
