// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"

struct ssl_st;
struct ssl_ctx_st;

namespace kw::bench {

struct TlsDeleter {
  void operator()(ssl_st* ssl) const noexcept;
  void operator()(ssl_ctx_st* context) const noexcept;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsDeleter>;

// A context for TLS 1.3 to 127.0.0.1 as the client `name` of a sandbox. Errors: Unavailable.
Result<TlsContext> client_context(const std::filesystem::path& sandbox, const std::string& name);

// TlsConnection is one keep-alive connection with one request at a time. It does not wait: who has
// many of them waits for all at once. Move-only, for one thread.
class TlsConnection {
 public:
  // Connects and shakes hands, waiting. Errors: Unavailable.
  static Result<TlsConnection> connect(ssl_ctx_st* context, int port);

  int fd() const noexcept { return socket_.get(); }

  // Sends a whole request. The answer to the one before must have been taken. Errors: Unavailable.
  Result<void> send(std::string_view request);

  // Reads what has come; yields whether the answer is whole. Errors: Unavailable (the connection
  // ended, or what came is no answer).
  Result<bool> receive();

  // Takes the whole answer's body. Errors: Unavailable (a status other than 2xx, with the body).
  Result<std::string> take();

  // Sends, waits, takes.
  Result<std::string> ask(std::string_view request);

 private:
  TlsConnection(FileDescriptor socket, std::unique_ptr<ssl_st, TlsDeleter> ssl);
  Result<bool> is_whole();

  FileDescriptor socket_;
  std::unique_ptr<ssl_st, TlsDeleter> ssl_;
  std::string input_;
  std::size_t head_size_ = 0;  // 0 until the head is whole
  std::size_t body_size_ = 0;
};

}  // namespace kw::bench
