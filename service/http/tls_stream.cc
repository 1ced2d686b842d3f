// SPDX-License-Identifier: Apache-2.0
#include "service/http/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/result.h"

namespace kw::http {
namespace {

int socket_of(BIO* bio) noexcept {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_retry(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int send_bytes(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && is_retry(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int receive_bytes(BIO* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t received = ::recv(socket_of(bio), out, static_cast<std::size_t>(size), 0);
  if (received < 0 && is_retry(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(received);
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// OpenSSL's own socket BIO uses write(2), which raises SIGPIPE.
BIO_METHOD* make_socket_method() {
  BIO_METHOD* method =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
  KW_ASSERT(method != nullptr);
  BIO_meth_set_write(method, send_bytes);
  BIO_meth_set_read(method, receive_bytes);
  BIO_meth_set_ctrl(method, control);
  return method;
}

BIO* make_socket_bio(int socket) {
  static BIO_METHOD* const method = make_socket_method();
  BIO* bio = BIO_new(method);
  KW_ASSERT(bio != nullptr);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a BIO keeps its owner's data as a pointer
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

TlsStream::TlsStream(const TlsContext& context, int socket) : ssl_(SSL_new(context.get())) {
  KW_ASSERT(ssl_ != nullptr);
  BIO* bio = make_socket_bio(socket);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
}

IoState TlsStream::handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  return outcome == 1 ? IoState::Done : state_after(outcome);
}

IoStep TlsStream::read(std::span<std::uint8_t> out) {
  ERR_clear_error();
  std::size_t size = 0;
  const int outcome = SSL_read_ex(ssl_.get(), out.data(), out.size(), &size);
  if (outcome == 1) return {IoState::Done, size};
  return {state_after(outcome), 0};
}

IoStep TlsStream::write(std::span<const std::uint8_t> bytes) {
  ERR_clear_error();
  std::size_t size = 0;
  const int outcome = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size);
  if (outcome == 1) return {IoState::Done, size};
  return {state_after(outcome), 0};
}

void TlsStream::close_notify() {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 1) (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

IoState TlsStream::state_after(int outcome) {
  const int error = SSL_get_error(ssl_.get(), outcome);
  if (error == SSL_ERROR_WANT_READ) return IoState::WantRead;
  if (error == SSL_ERROR_WANT_WRITE) return IoState::WantWrite;
  // After a fatal error SSL_shutdown must not be called; quiet shutdown makes it a no-op.
  if (error != SSL_ERROR_ZERO_RETURN) SSL_set_quiet_shutdown(ssl_.get(), 1);
  ERR_clear_error();
  return IoState::Closed;
}

}  // namespace kw::http
