// SPDX-License-Identifier: Apache-2.0
// Syslog messages (RFC 5424) over mutual TLS with their length in front (RFC 5425).
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "base/owned.h"
#include "service/audit_sinks/format.h"
#include "service/audit_sinks/socket.h"
#include "service/audit_sinks/transport.h"
#include "service/audit_verify/print.h"

namespace kw::audit_sinks {
namespace {

using Context = Owned<SSL_CTX, SSL_CTX_free>;
using Connection = Owned<SSL, SSL_free>;

constexpr int kSinkSecurityLevel = 2;
// A TLS 1.3 server refuses a client's certificate only after the client believes to be connected: a
// new one is given so long to say something.
constexpr std::chrono::milliseconds kRefusalWithin{250};
constexpr std::chrono::seconds kTlsDoubt{5};

int refuse_to_ask(char*, int, int, void*) { return -1; }

Error unusable(const std::filesystem::path& path, std::string_view what) {
  ERR_clear_error();
  return Error(Code::InvalidArgument, path.string() + ": " + std::string(what));
}

Error tls_error(std::string_view step) {
  const unsigned long code = ERR_get_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return Error(Code::Unavailable,
               std::string(step) + ": " + (reason != nullptr ? reason : "the peer broke it off"));
}

Result<Context> open_context(const SinkOptions& options) {
  Context context(SSL_CTX_new(TLS_client_method()));
  KW_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_security_level(context.get(), kSinkSecurityLevel);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context.get(), refuse_to_ask);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  for (const auto& path : {options.ca, options.certificate, options.key}) {
    if (::access(path.c_str(), R_OK) != 0) {
      return Error(Code::NotFound, path.string() + ": cannot be read");
    }
  }
  if (SSL_CTX_load_verify_locations(context.get(), options.ca.c_str(), nullptr) != 1) {
    return unusable(options.ca, "holds no certificate of an authority");
  }
  if (SSL_CTX_use_certificate_chain_file(context.get(), options.certificate.c_str()) != 1) {
    return unusable(options.certificate, "holds no certificate that can be used");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), options.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return unusable(options.key, "holds no private key of the certificate");
  }
  return context;
}

bool is_ip(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::string own_host() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "-";
  return name.data();
}

class SyslogTls final : public Transport {
 public:
  SyslogTls(SinkOptions options, Context context)
      : options_(std::move(options)), context_(std::move(context)), host_(own_host()) {}

  std::string encode(const audit_verify::DecodedRecord& record) const override {
    const audit_verify::Field* const time = record.find("time");
    const int priority = kSyslogFacility * 8 + syslog_level(record);
    const std::string message = '<' + std::to_string(priority) + ">1 " +
                                (time == nullptr ? "-" : audit_verify::value_of(*time)) + ' ' +
                                host_ + " keyward - " + std::string(record.kind) + " - " +
                                format_record(record, options_.format);
    return std::to_string(message.size()) + ' ' + message;
  }

  Result<void> connect() override {
    peer_ = TRY(connect_tcp(options_.host, options_.port));
    tls_.reset(SSL_new(context_.get()));
    KW_ASSERT(tls_ != nullptr);
    expect_peer();
    SSL_set_fd(tls_.get(), peer_.get());
    TRY(drive("TLS handshake", [this] { return SSL_connect(tls_.get()); }));
    if (!wait_for(peer_.get(), POLLIN, deadline_in(kRefusalWithin))) return {};
    return check();
  }

  Result<void> send(const std::vector<Message>& messages) override {
    std::string all;
    for (const Message& message : messages) all += message.bytes;
    std::string_view rest = all;
    while (!rest.empty()) {
      const int put = TRY(drive("TLS write", [this, rest] {
        return SSL_write(tls_.get(), rest.data(), static_cast<int>(rest.size()));
      }));
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    return check();
  }

  // A receiver says nothing: what comes is the end, or TLS' own.
  Result<void> check() override {
    if (!is_ready(peer_.get(), POLLIN)) return {};
    std::array<char, 256> bytes;
    ERR_clear_error();
    const int got = SSL_read(tls_.get(), bytes.data(), bytes.size());
    if (got > 0) return {};
    const int reason = SSL_get_error(tls_.get(), got);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return {};
    return tls_error("TLS connection");
  }

  void close() noexcept override {
    tls_.reset();
    peer_ = FileDescriptor();
  }

  Clock::duration doubt() const noexcept override { return kTlsDoubt; }

 private:
  void expect_peer() const {
    if (is_ip(options_.host)) {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_.get()), options_.host.c_str());
    } else {
      SSL_set_tlsext_host_name(tls_.get(), options_.host.c_str());
      SSL_set1_host(tls_.get(), options_.host.c_str());
    }
  }

  template <typename Call>
  Result<int> drive(std::string_view step, Call call) {
    const Deadline deadline = deadline_in(kPeerWithin);
    for (;;) {
      ERR_clear_error();
      const int done = call();
      if (done > 0) return done;
      const int reason = SSL_get_error(tls_.get(), done);
      if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) return tls_error(step);
      TRY(wait_for(peer_.get(), reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline));
    }
  }

  const SinkOptions options_;
  const Context context_;
  const std::string host_;
  FileDescriptor peer_;
  Connection tls_;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_syslog_tls(const SinkOptions& options) {
  Context context = TRY(open_context(options));
  return std::unique_ptr<Transport>(new SyslogTls(options, std::move(context)));
}

}  // namespace kw::audit_sinks
