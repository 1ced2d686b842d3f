// SPDX-License-Identifier: Apache-2.0
#include "service/bench/tls_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>

namespace kw::bench {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr timeval kPatience{30, 0};
constexpr int kPatienceMs = 30'000;

Result<FileDescriptor> connect_socket(int port) {
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket.is_open() ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return Error(Code::Unavailable, "cannot connect to the server");
  }
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  return socket;
}

Error broken(const char* what) {
  ERR_clear_error();
  return Error(Code::Unavailable, std::string("the server's connection: ") + what);
}

}  // namespace

void TlsDeleter::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }
void TlsDeleter::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Result<TlsContext> client_context(const std::filesystem::path& sandbox, const std::string& name) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const raw = context.get();
  const std::filesystem::path client = sandbox / "clients" / name;
  const bool good =
      raw != nullptr && SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) == 1 &&
      SSL_CTX_load_verify_file(raw, (sandbox / "ca.pem").c_str()) == 1 &&
      SSL_CTX_use_certificate_chain_file(raw, (client.string() + ".pem").c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(raw, (client.string() + ".key").c_str(), SSL_FILETYPE_PEM) == 1 &&
      X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(raw), kHost) == 1;
  if (!good) return broken("no TLS context for the sandbox's client");
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(raw, 1);
  return context;
}

TlsConnection::TlsConnection(FileDescriptor socket, std::unique_ptr<ssl_st, TlsDeleter> ssl)
    : socket_(std::move(socket)), ssl_(std::move(ssl)) {}

Result<TlsConnection> TlsConnection::connect(ssl_ctx_st* context, int port) {
  FileDescriptor socket = TRY(connect_socket(port));
  std::unique_ptr<ssl_st, TlsDeleter> ssl(SSL_new(context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), socket.get()) != 1 || SSL_connect(ssl.get()) != 1) {
    return broken("no TLS 1.3 handshake");
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return broken("fcntl");
  return TlsConnection(std::move(socket), std::move(ssl));
}

// One small request at a time always fits into the socket's buffer: a write that would have to wait
// is a failure.
Result<void> TlsConnection::send(std::string_view request) {
  ERR_clear_error();
  const int sent = SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size()));
  if (sent != static_cast<int>(request.size())) return broken("a request cannot be sent");
  return {};
}

Result<bool> TlsConnection::receive() {
  std::array<char, 8192> bytes;
  for (;;) {
    ERR_clear_error();
    const int size = SSL_read(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (size > 0) {
      input_.append(bytes.data(), static_cast<std::size_t>(size));
      if (TRY(is_whole())) return true;
      continue;
    }
    if (SSL_get_error(ssl_.get(), size) == SSL_ERROR_WANT_READ) return false;
    return broken("it ended before an answer was whole");
  }
}

Result<bool> TlsConnection::is_whole() {
  if (head_size_ == 0) {
    const std::size_t end = input_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t length = input_.find(kLength);
    if (!input_.starts_with("HTTP/1.1 ") || length > end) return broken("this is no answer");
    const char* const number = input_.data() + length + kLength.size();
    std::from_chars(number, input_.data() + end, body_size_);
    head_size_ = end + 4;
  }
  return input_.size() >= head_size_ + body_size_;
}

Result<std::string> TlsConnection::take() {
  const bool good = input_[9] == '2';
  const std::string status = input_.substr(9, 3);
  std::string body = input_.substr(head_size_, body_size_);
  input_.clear();
  head_size_ = body_size_ = 0;
  if (!good) return Error(Code::Unavailable, "the server answered " + status + ": " + body);
  return body;
}

Result<std::string> TlsConnection::ask(std::string_view request) {
  TRY(send(request));
  while (!TRY(receive())) {
    pollfd readable{fd(), POLLIN, 0};
    if (::poll(&readable, 1, kPatienceMs) <= 0) return broken("no answer in 30 s");
  }
  return take();
}

}  // namespace kw::bench
