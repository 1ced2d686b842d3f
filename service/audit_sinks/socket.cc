// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/owned.h"

namespace kw::audit_sinks {
namespace {

Result<void> finish_connect(int fd) {
  TRY(wait_for(fd, POLLOUT, deadline_in(kPeerWithin)));
  int failure = 0;
  socklen_t size = sizeof failure;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) return socket_error("connect");
  errno = failure;
  if (failure != 0) return socket_error("connect");
  return {};
}

Result<FileDescriptor> connect_to(int family, int type, const sockaddr* address, socklen_t size) {
  FileDescriptor peer(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!peer.is_open()) return socket_error("socket");
  if (::connect(peer.get(), address, size) == 0) return peer;
  // A stream of the kernel's own says EAGAIN while its peer's queue is full.
  if (errno != EINPROGRESS) return socket_error("connect");
  TRY(finish_connect(peer.get()));
  return peer;
}

}  // namespace

Error socket_error(std::string_view step) {
  return Error(Code::Unavailable,
               std::string(step) + ": " + std::generic_category().message(errno));
}

bool is_ready(int fd, short events) {
  pollfd ready{fd, events, 0};
  return ::poll(&ready, 1, 0) == 1;
}

Result<void> wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{fd, events, 0};
    const int count = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (count > 0) return {};
    if (count == 0) return Error(Code::Unavailable, "the peer took too long");
    if (errno != EINTR) return socket_error("poll");
  }
}

Result<FileDescriptor> connect_unix(const std::filesystem::path& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  if (name.size() >= sizeof address.sun_path) {
    return Error(Code::Unavailable, name + ": too long for a socket");
  }
  std::copy(name.begin(), name.end(), address.sun_path);
  return connect_to(AF_UNIX, type, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

Result<FileDescriptor> connect_tcp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* raw = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &raw);
  const Owned<addrinfo, ::freeaddrinfo> found(raw);
  if (failure != 0) return Error(Code::Unavailable, host + ": " + ::gai_strerror(failure));
  Error last(Code::Unavailable, host + ": no address");
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    Result<FileDescriptor> peer =
        connect_to(at->ai_family, SOCK_STREAM, at->ai_addr, at->ai_addrlen);
    if (!peer) {
      last = peer.error();
      continue;
    }
    const int on = 1;
    (void)::setsockopt(peer->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(peer->get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return peer;
  }
  return last;
}

}  // namespace kw::audit_sinks
