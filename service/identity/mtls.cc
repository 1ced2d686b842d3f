// SPDX-License-Identifier: Apache-2.0
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/bytes.h"
#include "base/owned.h"
#include "service/identity/caller.h"

namespace kw::identity {
namespace {

constexpr int kLeastSecurityBits = 112;  // RSA-2048, P-224, SHA-224
constexpr std::string_view kSpiffeScheme = "spiffe://";

Error refused(std::string_view why) {
  return refusal(Code::Unauthenticated, "client certificate: " + std::string(why));
}

Result<void> check_strength(X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  if (key == nullptr) return refused("its public key cannot be read");
  if (EVP_PKEY_get_security_bits(key) < kLeastSecurityBits) {
    return refused("its key is too short; RSA needs 2048 bits, an elliptic curve 224");
  }
  int signature_bits = 0;
  if (X509_get_signature_info(certificate, nullptr, nullptr, &signature_bits, nullptr) != 1 ||
      signature_bits < kLeastSecurityBits) {
    return refused("it is signed with a broken hash; SHA-256 is needed");
  }
  return {};
}

// The getters of the two usages answer UINT32_MAX where the certificate has no such extension.
Result<void> check_purpose(X509* certificate) {
  if (X509_check_ca(certificate) != 0) return refused("a CA certificate is no client");
  if ((X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0) {
    return refused("its key usage lacks digitalSignature");
  }
  if ((X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) == 0) {
    return refused("its extended key usage lacks clientAuth");
  }
  return {};
}

Result<std::string> fingerprint(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  const Owned<unsigned char, [](unsigned char* p) { OPENSSL_free(p); }> owner(der);
  if (size <= 0) return refused("it has no public key");
  return "sha256:" + to_hex(sha256(ByteView(der, static_cast<std::size_t>(size))));
}

// Refuses a NUL in any encoding of the name's parts, because printing hides or cuts it.
Result<void> check_name_entries(const X509_NAME* name) {
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    unsigned char* utf8 = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    const Owned<unsigned char, [](unsigned char* p) { OPENSSL_free(p); }> owner(utf8);
    if (size < 0) return refused("its subject cannot be read");
    if (std::find(utf8, utf8 + size, '\0') != utf8 + size) {
      return refused("its subject holds a NUL byte");
    }
  }
  return {};
}

Result<std::string> read_subject(const X509* certificate) {
  const X509_NAME* name = X509_get_subject_name(certificate);
  TRY(check_name_entries(name));
  const Owned<BIO, BIO_free> out(BIO_new(BIO_s_mem()));
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    return refused("its subject cannot be read");
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
}

Result<std::string> read_ascii(const ASN1_IA5STRING* value) {
  const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                         static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
    return refused("an alternative name holds a control or non-ASCII byte");
  }
  return text;
}

// DNS names have no case (RFC 4343): one spelling, so that no rule can be slipped past by another.
Result<std::string> read_dns_name(const ASN1_IA5STRING* value) {
  std::string name = TRY(read_ascii(value));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

struct AlternativeNames {
  std::vector<std::string> spiffe_ids;
  std::vector<std::string> dns_names;
};

Result<AlternativeNames> read_alternative_names(const X509* certificate) {
  AlternativeNames names;
  int critical = 0;
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  if (list == nullptr) {
    if (critical == -1) return names;  // there are none
    return refused("its alternative names cannot be read");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type == GEN_DNS) {
      names.dns_names.push_back(TRY(read_dns_name(name->d.dNSName)));
    } else if (name->type == GEN_URI) {
      std::string uri = TRY(read_ascii(name->d.uniformResourceIdentifier));
      if (uri.starts_with(kSpiffeScheme)) names.spiffe_ids.push_back(std::move(uri));
    }
  }
  return names;
}

Result<WallTime> read_not_after(const X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return refused("its end of validity cannot be read");
  }
  return WallTime(std::chrono::seconds(::timegm(&time)));
}

}  // namespace

const std::string& Caller::display_name() const noexcept {
  if (!spiffe_ids_.empty()) return spiffe_ids_.front();
  if (!dns_names_.empty()) return dns_names_.front();
  return subject_.empty() ? spki_ : subject_;
}

Result<std::shared_ptr<const Caller>> from_certificate(const x509_st* certificate) {
  // The getters fill a cache inside the certificate, under its own lock.
  auto* cached = const_cast<X509*>(certificate);
  TRY(check_strength(cached));
  TRY(check_purpose(cached));
  const std::shared_ptr<Caller> caller(new Caller);
  caller->spki_ = TRY(fingerprint(certificate));
  caller->subject_ = TRY(read_subject(certificate));
  auto names = TRY(read_alternative_names(certificate));
  caller->spiffe_ids_ = std::move(names.spiffe_ids);
  caller->dns_names_ = std::move(names.dns_names);
  caller->not_after_ = TRY(read_not_after(certificate));
  return std::shared_ptr<const Caller>(caller);
}

}  // namespace kw::identity
