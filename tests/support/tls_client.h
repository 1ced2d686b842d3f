// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

struct ssl_st;
struct ssl_ctx_st;

namespace kw::http::test {

// ClientFiles are PEM files; an empty certificate sends none.
struct ClientFiles {
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct ClientOptions {
  int max_tls_version = 0;  // 0: the newest
};

// Answer is one HTTP response as it was read.
struct Answer {
  int status = 0;
  std::string head;
  std::string body;

  std::string header(const std::string& name) const;  // empty if absent
};

// TlsClient is one raw connection through OpenSSL, which writes exactly the bytes it is given. All
// waiting ends after thirty seconds.
class TlsClient {
 public:
  // `address` as Server::addresses() gives it.
  TlsClient(const std::string& address, const ClientFiles& files,
            const ClientOptions& options = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool is_connected() const noexcept { return connected_; }

  // False once the connection is gone.
  bool send(const std::string& bytes);

  // Status 0 if the connection ended first; a part of an answer then counts as unread.
  Answer receive();
  Answer ask(const std::string& bytes);

  // Whether the peer ends the connection, with nothing more before that.
  bool is_closed_by_peer();

  std::string peer_certificate() const;  // PEM

  ssl_st* ssl() const noexcept { return ssl_; }

 private:
  bool read_more();

  ssl_ctx_st* context_;
  ssl_st* ssl_;
  int socket_;
  bool connected_ = false;
  std::string input_;
};

// The field that a request with a JSON body needs.
inline const std::string kJsonType = "Content-Type: application/json\r\n";

// "METHOD path HTTP/1.1", a Host, `fields` (each with its line end), a Content-Length if there is a
// body, the body.
std::string request(const std::string& method, const std::string& target,
                    const std::string& body = {}, const std::string& fields = {});

// Connects a plain TCP or unix socket. Ends the process if it cannot.
int connect_socket(const std::string& address);

}  // namespace kw::http::test
