// SPDX-License-Identifier: Apache-2.0
#include "service/http/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>

namespace kw::http {
namespace {

constexpr std::chrono::milliseconds kPause{100};
constexpr int kMostAtOnce = 64;  // then other work of the loop gets its turn

std::string address_of(const sockaddr_storage& peer) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    (void)::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      (void)::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      (void)::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
  } else {
    return "unix";
  }
  return text.data();
}

bool is_exhaustion(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Result<std::shared_ptr<Listener>> Listener::open(boost::asio::io_context& loop,
                                                 FileDescriptor socket, Accepted accepted) {
  const std::shared_ptr<Listener> listener(new Listener(loop, std::move(accepted)));
  boost::system::error_code failure;
  listener->socket_.assign(socket.get(), failure);
  if (failure) return Error(Code::Unavailable, "cannot watch a listening socket");
  (void)socket.release();
  return listener;
}

void Listener::run() {
  for (int i = 0; i < kMostAtOnce && socket_.is_open(); ++i) {
    const Outcome outcome = accept_one();
    if (outcome == Outcome::Nothing) break;
    if (outcome == Outcome::Exhausted) return wait_for_resources();
  }
  if (socket_.is_open()) wait_for_connection();
}

Listener::Outcome Listener::accept_one() {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  FileDescriptor socket(::accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&peer),
                                  &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.is_open()) {
    const int on = 1;
    (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accepted_(std::move(socket), address_of(peer));
    return Outcome::Accepted;
  }
  if (is_exhaustion(errno)) return Outcome::Exhausted;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Outcome::Nothing;
  return Outcome::Accepted;  // that connection is gone; the next one may be well
}

void Listener::wait_for_connection() {
  socket_.async_wait(
      boost::asio::posix::descriptor_base::wait_read,
      [self = shared_from_this()](const boost::system::error_code&) { self->run(); });
}

void Listener::wait_for_resources() {
  pause_.expires_after(kPause);
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->run(); });
}

void Listener::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
}

}  // namespace kw::http
