// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tls_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "base/result.h"

namespace kw::http::test {
namespace {

constexpr timeval kPatience{30, 0};

int connect_unix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  KW_ASSERT(::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  return fd;
}

int connect_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  KW_ASSERT(::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) == 0);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  KW_ASSERT(::connect(fd, found->ai_addr, found->ai_addrlen) == 0);
  ::freeaddrinfo(found);
  return fd;
}

}  // namespace

int connect_socket(const std::string& address) {
  (void)std::signal(SIGPIPE, SIG_IGN);
  const int fd =
      address.starts_with("unix:") ? connect_unix(address.substr(5)) : connect_tcp(address);
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
  (void)::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  return fd;
}

std::string Answer::header(const std::string& name) const {
  const std::size_t start = head.find("\r\n" + name + ": ");
  if (start == std::string::npos) return {};
  const std::size_t value = start + name.size() + 4;
  return head.substr(value, head.find("\r\n", value) - value);
}

TlsClient::TlsClient(const std::string& address, const ClientFiles& files,
                     const ClientOptions& options)
    : context_(SSL_CTX_new(TLS_client_method())), socket_(connect_socket(address)) {
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_security_level(context_, 0);  // so that weak certificates get as far as the server
  KW_ASSERT(SSL_CTX_load_verify_file(context_, files.ca.c_str()) == 1);
  if (options.max_tls_version != 0) {
    SSL_CTX_set_max_proto_version(context_, options.max_tls_version);
  }
  if (!files.certificate.empty()) {
    KW_ASSERT(SSL_CTX_use_certificate_file(context_, files.certificate.c_str(), SSL_FILETYPE_PEM) ==
              1);
    KW_ASSERT(SSL_CTX_use_PrivateKey_file(context_, files.key.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, socket_);
  SSL_set_tlsext_host_name(ssl_, "localhost");
  connected_ = SSL_connect(ssl_) == 1;
  ERR_clear_error();
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  ::close(socket_);
}

bool TlsClient::send(const std::string& bytes) {
  ERR_clear_error();
  return connected_ && SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool TlsClient::read_more() {
  ERR_clear_error();
  std::array<char, 16384> bytes;
  const int size = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  if (size <= 0) return false;
  input_.append(bytes.data(), static_cast<std::size_t>(size));
  return true;
}

Answer TlsClient::receive() {
  std::size_t end = 0;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more()) return {};
  }
  Answer answer;
  answer.head = input_.substr(0, end + 2);
  answer.status = std::stoi(answer.head.substr(9, 3));
  const std::string length = answer.header("Content-Length");
  const std::size_t begin = end + 4;
  const std::size_t size = length.empty() ? 0 : std::stoul(length);
  while (input_.size() < begin + size) {
    if (!read_more()) return {};
  }
  answer.body = input_.substr(begin, size);
  input_.erase(0, begin + size);
  return answer;
}

Answer TlsClient::ask(const std::string& bytes) {
  (void)send(bytes);
  return receive();
}

bool TlsClient::is_closed_by_peer() {
  if (!input_.empty()) return false;
  ERR_clear_error();
  char byte = 0;
  const int outcome = SSL_read(ssl_, &byte, 1);
  const int error = SSL_get_error(ssl_, outcome);
  return outcome <= 0 && error != SSL_ERROR_WANT_READ;
}

std::string TlsClient::peer_certificate() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  KW_ASSERT(PEM_write_bio_X509(bio, SSL_get0_peer_certificate(ssl_)) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free_all(bio);
  return pem;
}

std::string request(const std::string& method, const std::string& target, const std::string& body,
                    const std::string& fields) {
  std::string bytes = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields;
  if (!body.empty()) bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return bytes + "\r\n" + body;
}

}  // namespace kw::http::test
