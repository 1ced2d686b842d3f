// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pki.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <fstream>

#include "base/owned.h"
#include "base/result.h"

namespace kw::test {
namespace {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Bio = Owned<BIO, BIO_free_all>;

constexpr int kX509v3 = 2;

Key make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::P256:
      return Key(EVP_EC_gen("P-256"));
    case KeyKind::P192:
      return Key(EVP_EC_gen("P-192"));
    case KeyKind::Rsa1024:
      return Key(EVP_RSA_gen(1024));
    case KeyKind::Rsa2048:
      return Key(EVP_RSA_gen(2048));
  }
  return nullptr;
}

std::string read_all(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string to_pem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  KW_ASSERT(PEM_write_bio_X509(bio.get(), certificate) == 1);
  return read_all(bio.get());
}

std::string to_pem(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  KW_ASSERT(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return read_all(bio.get());
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  KW_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const LeafOptions& options) {
  std::string list;
  for (const auto& name : options.dns_names) list += ",DNS:" + name;
  for (const auto& uri : options.uris) list += ",URI:" + uri;
  for (const auto& address : options.addresses) list += ",IP:" + address;
  return list.empty() ? list : list.substr(1);
}

void add_extensions(X509* certificate, X509* issuer, const LeafOptions& options) {
  const bool authority = options.role == Role::Authority;
  add_extension(certificate, issuer, NID_basic_constraints,
                authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(
      certificate, issuer, NID_key_usage,
      authority ? "critical,digitalSignature,keyCertSign,cRLSign" : "critical,digitalSignature");
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (options.usage != ExtendedUsage::Absent) {
    add_extension(certificate, issuer, NID_ext_key_usage,
                  options.usage == ExtendedUsage::Client ? "clientAuth" : "serverAuth");
  }
  const std::string names = alternative_names(options);
  if (!names.empty()) add_extension(certificate, issuer, NID_subject_alt_name, names);
}

long fresh_serial() {
  static std::atomic<long> next = 1000;
  return ++next;
}

Certificate start_certificate(const LeafOptions& options, EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), kX509v3);
  const long serial = options.serial == 0 ? fresh_serial() : options.serial;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.not_after);
  if (!options.common_name.empty()) {
    X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.common_name.data()),
                               static_cast<int>(options.common_name.size()), -1, 0);
  }
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

// With a null issuer the certificate signs itself.
Certificate certify(const LeafOptions& options, EVP_PKEY* key, X509* issuer, EVP_PKEY* signer) {
  Certificate certificate = start_certificate(options, key);
  X509* by = issuer == nullptr ? certificate.get() : issuer;
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  add_extensions(certificate.get(), by, options);
  KW_ASSERT(X509_sign(certificate.get(), signer, EVP_get_digestbyname(options.digest.c_str())) > 0);
  return certificate;
}

}  // namespace

struct Pki::Signer {
  Key key;
  Certificate certificate;
};

Pki::Pki(const std::string& common_name) : signer_(std::make_unique<Signer>()) {
  LeafOptions options;
  options.common_name = common_name;
  options.role = Role::Authority;
  options.usage = ExtendedUsage::Absent;
  signer_->key = make_key(KeyKind::P256);
  signer_->certificate = certify(options, signer_->key.get(), nullptr, signer_->key.get());
}

Pki::~Pki() = default;

Identity Pki::issue(const LeafOptions& options) const {
  const Key key = make_key(options.key);
  KW_ASSERT(key != nullptr);
  const Certificate certificate =
      certify(options, key.get(), signer_->certificate.get(), signer_->key.get());
  return {to_pem(certificate.get()), to_pem(key.get())};
}

Identity Pki::issue_server() const {
  LeafOptions options;
  options.common_name = "localhost";
  options.dns_names = {"localhost"};
  options.addresses = {"127.0.0.1", "::1"};
  options.usage = ExtendedUsage::Server;
  return issue(options);
}

Identity Pki::self_sign(const LeafOptions& options) {
  const Key key = make_key(options.key);
  const Certificate certificate = certify(options, key.get(), nullptr, key.get());
  return {to_pem(certificate.get()), to_pem(key.get())};
}

std::string Pki::certificate() const { return to_pem(signer_->certificate.get()); }

std::string Pki::revoke(const std::vector<long>& serials, long next_update) const {
  const Owned<X509_CRL, X509_CRL_free> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(signer_->certificate.get()));
  const Owned<ASN1_TIME, ASN1_STRING_free> made(X509_gmtime_adj(nullptr, -7200));
  const Owned<ASN1_TIME, ASN1_STRING_free> next(X509_gmtime_adj(nullptr, next_update));
  X509_CRL_set1_lastUpdate(list.get(), made.get());
  X509_CRL_set1_nextUpdate(list.get(), next.get());
  for (const long serial : serials) {
    X509_REVOKED* entry = X509_REVOKED_new();
    const Owned<ASN1_INTEGER, ASN1_STRING_free> number(ASN1_INTEGER_new());
    ASN1_INTEGER_set(number.get(), serial);
    X509_REVOKED_set_serialNumber(entry, number.get());
    X509_REVOKED_set_revocationDate(entry, made.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  KW_ASSERT(X509_CRL_sign(list.get(), signer_->key.get(), EVP_sha256()) > 0);
  const Bio bio(BIO_new(BIO_s_mem()));
  KW_ASSERT(PEM_write_bio_X509_CRL(bio.get(), list.get()) == 1);
  return read_all(bio.get());
}

std::string forge_key(const Identity& identity) {
  const Bio bio(BIO_new_mem_buf(identity.key.data(), static_cast<int>(identity.key.size())));
  const Key real(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  const Key other = make_key(KeyKind::P256);
  std::array<unsigned char, 128> point{};
  std::size_t point_size = 0;
  BIGNUM* secret = nullptr;
  KW_ASSERT(EVP_PKEY_get_octet_string_param(real.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            point.size(), &point_size) == 1);
  KW_ASSERT(EVP_PKEY_get_bn_param(other.get(), OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1);
  OSSL_PARAM_BLD* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point_size);
  OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret);
  OSSL_PARAM* params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* forged = nullptr;
  KW_ASSERT(EVP_PKEY_fromdata_init(context) == 1);
  KW_ASSERT(EVP_PKEY_fromdata(context, &forged, EVP_PKEY_KEYPAIR, params) == 1);
  std::string pem = to_pem(forged);
  EVP_PKEY_free(forged);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  BN_clear_free(secret);
  return pem;
}

void write_pem(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace kw::test
