// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace kw::http {

// IoState says how a step ended, and if it could not, what to wait for.
enum class IoState { Done, WantRead, WantWrite, Closed };

struct IoStep {
  IoState state = IoState::Closed;
  std::size_t size = 0;  // bytes read or written if Done
};

// Stream is the server's end of one connection on a non-blocking socket, which it borrows and which
// must outlive it. Raises no SIGPIPE.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // What must be agreed on before the first byte is read.
  virtual IoState handshake() = 0;
  virtual IoStep read(std::span<std::uint8_t> out) = 0;
  virtual IoStep write(std::span<const std::uint8_t> bytes) = 0;

  // Tells the peer that nothing follows. Does not wait.
  virtual void close_notify() = 0;

  // The peer's verified certificate (null if it sent none) and the chain it sent; both are
  // borrowed.
  virtual X509* peer_certificate() const noexcept = 0;
  virtual STACK_OF(X509) * peer_chain() const noexcept = 0;
};

}  // namespace kw::http
