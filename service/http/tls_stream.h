// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>

#include "base/owned.h"
#include "service/http/tls_context.h"

namespace kw::http {

// IoState says how a step ended, and if it could not, what to wait for.
enum class IoState { Done, WantRead, WantWrite, Closed };

struct IoStep {
  IoState state = IoState::Closed;
  std::size_t size = 0;  // bytes read or written if Done
};

// TlsStream is the server's end of one TLS connection on a non-blocking socket. It borrows the
// socket, which must outlive it. Leaves OpenSSL's error queue empty; raises no SIGPIPE.
class TlsStream {
 public:
  TlsStream(const TlsContext& context, int socket);

  IoState handshake();
  IoStep read(std::span<std::uint8_t> out);
  IoStep write(std::span<const std::uint8_t> bytes);

  // Tells the peer that nothing follows. Does not wait.
  void close_notify();

  // The peer's verified certificate (null if it sent none) and the chain it sent; both are
  // borrowed.
  X509* peer_certificate() const noexcept { return SSL_get0_peer_certificate(ssl_.get()); }
  STACK_OF(X509) * peer_chain() const noexcept { return SSL_get_peer_cert_chain(ssl_.get()); }

 private:
  IoState state_after(int outcome);

  Owned<SSL, SSL_free> ssl_;
};

}  // namespace kw::http
