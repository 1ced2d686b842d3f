// SPDX-License-Identifier: Apache-2.0
#include "service/sandbox/pki.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <vector>

#include "base/bytes.h"
#include "base/owned.h"

namespace kw::sandbox {
namespace {

constexpr long kDay = 24L * 60 * 60;
constexpr long kAuthorityDays = 3650;
constexpr long kLeafDays = 365;
// A clock that is a little behind must still find a fresh certificate valid.
constexpr long kBackdated = -300;

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Memory = Owned<BIO, BIO_free>;

Error refused(std::string_view step) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  ERR_clear_error();
  return Error(Code::Internal, "OpenSSL: " + std::string(step) + ": " + reason.data());
}

Result<Key> generate_key() {
  Key key(EVP_EC_gen("P-256"));
  if (!key) return refused("generate a P-256 key");
  return key;
}

// One extension in the words of openssl's configuration: the name and its value.
struct Extension {
  int nid;
  std::string value;
};

// What tells one certificate from another.
struct Profile {
  std::string common_name;
  long days;
  std::vector<Extension> extensions;
};

Result<void> add_extensions(X509* certificate, X509* issuer, const Profile& profile) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const Extension& wanted : profile.extensions) {
    using Made = Owned<X509_EXTENSION, X509_EXTENSION_free>;
    const Made made(X509V3_EXT_conf_nid(nullptr, &context, wanted.nid, wanted.value.c_str()));
    if (!made || X509_add_ext(certificate, made.get(), -1) != 1) return refused(wanted.value);
  }
  return {};
}

Result<void> set_serial(X509* certificate) {
  std::array<std::uint8_t, 16> number{};
  fill_random(number);
  number[0] &= 0x7f;  // positive in DER
  number[0] |= 0x40;  // and of one length
  using Number = Owned<BIGNUM, BN_free>;
  const Number serial(BN_bin2bn(number.data(), static_cast<int>(number.size()), nullptr));
  if (!serial || BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return refused("serial number");
  }
  return {};
}

// `issuer` is null for a certificate that signs itself.
Result<Certificate> issue(EVP_PKEY* subject, X509* issuer, EVP_PKEY* signer,
                          const Profile& profile) {
  Certificate certificate(X509_new());
  if (!certificate) return refused("new certificate");
  X509* x509 = certificate.get();
  TRY(set_serial(x509));
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* text = reinterpret_cast<const unsigned char*>(profile.common_name.data());
  const int length = static_cast<int>(profile.common_name.size());
  if (X509_set_version(x509, X509_VERSION_3) != 1 ||
      X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, text, length, -1, 0) != 1 ||
      X509_set_issuer_name(x509, issuer == nullptr ? name : X509_get_subject_name(issuer)) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(x509), kBackdated) == nullptr ||
      X509_gmtime_adj(X509_getm_notAfter(x509), profile.days * kDay) == nullptr ||
      X509_set_pubkey(x509, subject) != 1) {
    return refused("fill in a certificate");
  }
  TRY(add_extensions(x509, issuer == nullptr ? x509 : issuer, profile));
  if (X509_sign(x509, signer, EVP_sha256()) == 0) return refused("sign a certificate");
  return certificate;
}

Result<std::string> to_pem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_X509(memory.get(), certificate) != 1) return refused("write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// In OpenSSL's secure memory BIO the text is wiped when it goes.
Result<Secret> to_pem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_secmem()));
  if (!memory ||
      PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return refused("write PEM");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return Secret::copy_of(as_bytes(std::string_view(data, static_cast<std::size_t>(size))));
}

Profile leaf_profile(std::string common_name, std::string_view usage, std::string names) {
  return {.common_name = std::move(common_name),
          .days = kLeafDays,
          .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                         {NID_key_usage, "critical,digitalSignature"},
                         {NID_ext_key_usage, std::string(usage)},
                         {NID_subject_key_identifier, "hash"},
                         {NID_authority_key_identifier, "keyid:always"},
                         {NID_subject_alt_name, std::move(names)}}};
}

}  // namespace

struct Authority::State {
  Key key;
  Certificate certificate;

  Result<Credential> issue_leaf(const Profile& profile) const {
    const Key leaf_key = TRY(generate_key());
    const Certificate leaf = TRY(issue(leaf_key.get(), certificate.get(), key.get(), profile));
    Credential credential;
    credential.certificate = TRY(to_pem(leaf.get()));
    credential.key = TRY(to_pem(leaf_key.get()));
    return credential;
  }
};

Authority::Authority(std::unique_ptr<State> state) : state_(std::move(state)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority::~Authority() = default;

Result<Authority> Authority::make(std::string_view name) {
  const Profile profile{.common_name = std::string(name),
                        .days = kAuthorityDays,
                        .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                       {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                       {NID_subject_key_identifier, "hash"}}};
  auto state = std::make_unique<State>();
  state->key = TRY(generate_key());
  state->certificate = TRY(issue(state->key.get(), nullptr, state->key.get(), profile));
  return Authority(std::move(state));
}

Result<std::string> Authority::certificate() const { return to_pem(state_->certificate.get()); }

Result<Credential> Authority::issue_server() const {
  return state_->issue_leaf(
      leaf_profile("localhost", "serverAuth", "DNS:localhost,IP:127.0.0.1,IP:::1"));
}

Result<Credential> Authority::issue_client(std::string_view name) const {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  const bool plain = name.find_first_not_of(kLetters) == std::string_view::npos;
  if (name.empty() || name.size() > 63 || !plain) {
    return Error(Code::InvalidArgument, "a client's name is 1 to 63 of a-z, 0-9 and -");
  }
  return state_->issue_leaf(leaf_profile(std::string(name), "clientAuth",
                                         "URI:spiffe://keyward.dev/" + std::string(name)));
}

}  // namespace kw::sandbox
