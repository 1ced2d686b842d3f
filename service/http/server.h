// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/meter.h"
#include "base/result.h"
#include "service/http/request.h"

namespace kw::http {

// TlsFiles are PEM files. `certificate` may hold intermediates after the leaf. If there is a CRL,
// every issuer of a client's chain needs one that is not expired.
struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_ca;
  std::vector<std::filesystem::path> crls;
};

struct Limits {
  std::size_t head_bytes = 16 << 10;   // more: 431
  std::size_t fields = 64;             // more: 431
  std::size_t target_bytes = 8 << 10;  // more: 414
  std::size_t body_bytes = 1 << 20;    // more: 413
  std::size_t connections = 4096;      // more: closed when accepted
  std::chrono::milliseconds handshake{10'000};
  std::chrono::milliseconds request{10'000};  // from a request's first byte to its answer
  std::chrono::milliseconds idle{60'000};     // between requests
};

// Transport: Plain is HTTP in the clear, where nobody is ever proven; it has no TLS files.
enum class Transport { Tls, Plain };

struct ServerOptions {
  // "127.0.0.1:0", "[::1]:7443", "unix:PATH" (a stale socket is replaced, mode 0660), "systemd"
  // (every stream socket that socket activation passed on).
  std::vector<std::string> listen;
  TlsFiles tls;
  Transport transport = Transport::Tls;
  Methods methods = Methods::Api;
  Limits limits;
  // A body of another type: 415. None: a body of any type, or of none, is taken.
  std::vector<std::string> media_types{"application/json"};
  unsigned threads = 0;  // 0: one per core
};

// ServerMeter is what a server counts. Safe for concurrent use.
struct ServerMeter {
  Counter accepted;
  Counter refused;            // connections closed because all seats were taken
  Counter failed_handshakes;  // refused, broken off or too slow
  Counter rejected;  // requests of nobody proven that did not pass the gate, 408 among them
  Counter overdue;   // answered by the clock because no answer came
};

// Server speaks HTTP/1.1 over TLS 1.3 and nothing else; asked to be Plain, HTTP/1.1 through the
// same gate. Client certificates are asked for and
// verified, not required: a request without one arrives with a null caller. No resumption, no
// renegotiation, no early data. Each loop is one thread; idle connections hold none.
class Server {
 public:
  // Binds, then serves at once. Errors: InvalidArgument (an address, key or certificate that is
  // none), NotFound (a file), Unavailable (cannot bind).
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, Dispatch dispatch);

  // Closes everything at once; `drain` first to be kind. Not on an event loop.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // What was bound, with the real ports, in the form that `listen` takes.
  const std::vector<std::string>& addresses() const noexcept;

  // Takes new TLS files, and of `limits` the connections and the times; all or nothing. New
  // connections use the files; an open one has its client certificate verified against them at its
  // next request: 401 and closed if it no longer holds. Times hold from the next request or idle
  // spell on; a lower number of connections closes none. Errors: as open. Safe from any thread.
  Result<void> reload(const TlsFiles& tls, const Limits& limits);

  // Stops accepting, closes idle connections, answers what is in flight with Connection: close.
  // Returns when all are gone or at the deadline, then closing the rest. Not on an event loop.
  void drain(Deadline deadline);

  // How many connections are open now.
  std::size_t connections() const noexcept;

  const ServerMeter& meter() const noexcept;

  // When the certificate that new connections get expires; nothing without TLS.
  std::optional<WallTime> certificate_expires() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kw::http
