// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/owned.h"
#include "service/http/stream.h"
#include "service/http/tls_context.h"

namespace kw::http {

// TlsStream is a stream in TLS. Leaves OpenSSL's error queue empty.
class TlsStream final : public Stream {
 public:
  TlsStream(const TlsContext& context, int socket);

  IoState handshake() override;
  IoStep read(std::span<std::uint8_t> out) override;
  IoStep write(std::span<const std::uint8_t> bytes) override;
  void close_notify() override;
  X509* peer_certificate() const noexcept override { return SSL_get0_peer_certificate(ssl_.get()); }
  STACK_OF(X509) * peer_chain() const noexcept override {
    return SSL_get_peer_cert_chain(ssl_.get());
  }

 private:
  IoState state_after(int outcome);

  Owned<SSL, SSL_free> ssl_;
};

}  // namespace kw::http
