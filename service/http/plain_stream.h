// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "service/http/stream.h"

namespace kw::http {

// PlainStream is a stream without TLS, where nobody is ever proven: for probes and scrapes.
class PlainStream final : public Stream {
 public:
  explicit PlainStream(int socket) noexcept : socket_(socket) {}

  IoState handshake() override { return IoState::Done; }
  IoStep read(std::span<std::uint8_t> out) override;
  IoStep write(std::span<const std::uint8_t> bytes) override;
  void close_notify() override {}
  X509* peer_certificate() const noexcept override { return nullptr; }
  STACK_OF(X509) * peer_chain() const noexcept override { return nullptr; }

 private:
  const int socket_;
};

}  // namespace kw::http
