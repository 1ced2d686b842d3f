// SPDX-License-Identifier: Apache-2.0
#include "service/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string_view>

#include "base/owned.h"

namespace kw::http {
namespace {

constexpr int kSecurityLevel = 2;  // 112 bits: no RSA-1024, no SHA-1
constexpr std::string_view kSessionContext = "keyward";
// ALPN names are prefixed with their length.
constexpr std::string_view kProtocol = "\x08http/1.1";

Error faulty(const std::filesystem::path& path, std::string_view what) {
  ERR_clear_error();
  return Error(Code::InvalidArgument, path.string() + ": " + std::string(what));
}

Result<void> check_readable(const std::filesystem::path& path) {
  if (::access(path.c_str(), R_OK) == 0) return {};
  return Error(Code::NotFound, path.string() + ": cannot be read");
}

// A client that offers protocols but not ours is told so; one that offers none gets ours.
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int outcome = SSL_select_next_proto(
      &chosen, out_size, reinterpret_cast<const unsigned char*>(kProtocol.data()),
      static_cast<unsigned>(kProtocol.size()), offered, offered_size);
  *out = chosen;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// An encrypted key is a fault of the configuration: without this, OpenSSL asks on the terminal.
int refuse_passphrase(char*, int, int, void*) { return -1; }

Result<void> load_crl(X509_STORE* store, const std::filesystem::path& path) {
  TRY(check_readable(path));
  X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, path.c_str(), X509_FILETYPE_PEM) <= 0) {
    return faulty(path, "holds no certificate revocation list");
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::open(const TlsFiles& files) {
  const std::shared_ptr<TlsContext> context(new TlsContext(SSL_CTX_new(TLS_server_method())));
  KW_ASSERT(context->get() != nullptr);
  context->harden();
  TRY(context->load_server(files));
  if (!files.client_ca.empty()) TRY(context->load_client_trust(files));
  return std::shared_ptr<const TlsContext>(context);
}

void TlsContext::harden() const {
  SSL_CTX* context = get();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context,
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
}

Result<void> TlsContext::load_server(const TlsFiles& files) const {
  TRY(check_readable(files.certificate));
  TRY(check_readable(files.key));
  if (SSL_CTX_use_certificate_chain_file(get(), files.certificate.c_str()) != 1) {
    return faulty(files.certificate, "holds no certificate that can be used");
  }
  if (SSL_CTX_use_PrivateKey_file(get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(get()) != 1) {
    return faulty(files.key, "holds no unencrypted private key of the certificate");
  }
  return {};
}

Result<void> TlsContext::load_client_trust(const TlsFiles& files) const {
  TRY(check_readable(files.client_ca));
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(files.client_ca.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(get(), files.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return faulty(files.client_ca, "holds no CA certificate");
  }
  SSL_CTX_set_client_CA_list(get(), names);
  SSL_CTX_set_verify(get(), SSL_VERIFY_PEER, nullptr);
  X509_STORE* store = SSL_CTX_get_cert_store(get());
  for (const auto& path : files.crls) TRY(load_crl(store, path));
  if (!files.crls.empty()) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  }
  return {};
}

Result<void> TlsContext::verify(X509* certificate, STACK_OF(X509) * chain) const {
  const Owned<X509_STORE_CTX, X509_STORE_CTX_free> check(X509_STORE_CTX_new());
  KW_ASSERT(check != nullptr);
  const bool holds =
      X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(get()), certificate, chain) == 1 &&
      X509_STORE_CTX_set_default(check.get(), "ssl_client") == 1 &&
      X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (holds) return {};
  return refusal(Code::Unauthenticated, "the client certificate no longer holds");
}

std::optional<WallTime> TlsContext::certificate_expires() const {
  const X509* certificate = SSL_CTX_get0_certificate(get());
  std::tm time{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return std::nullopt;
  }
  return WallTime(std::chrono::seconds(::timegm(&time)));
}

std::shared_ptr<const TlsContext> CurrentTls::get() const {
  const MutexLock lock(mutex_);
  return context_;
}

void CurrentTls::set(std::shared_ptr<const TlsContext> context) {
  const MutexLock lock(mutex_);
  context_.swap(context);
}

}  // namespace kw::http
