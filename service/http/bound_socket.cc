// SPDX-License-Identifier: Apache-2.0
#include "service/http/bound_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include "base/owned.h"

namespace kw::http {
namespace {

constexpr int kBacklog = 1024;
constexpr mode_t kUnixMode = 0660;
constexpr std::string_view kUnixScheme = "unix:";

Error failed(const std::string& address, std::string_view what) {
  return Error(Code::Unavailable,
               address + ": " + std::string(what) + ": " + std::generic_category().message(errno));
}

Error malformed(const std::string& address) {
  return Error(Code::InvalidArgument,
               address + ": expected HOST:PORT, [IPV6]:PORT, unix:PATH or systemd");
}

struct HostAndPort {
  std::string host;
  std::string port;
};

Result<HostAndPort> split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size()) return malformed(address);
  HostAndPort parts{address.substr(0, colon), address.substr(colon + 1)};
  if (parts.host.starts_with('[') && parts.host.ends_with(']')) {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
  } else if (parts.host.find(':') != std::string::npos) {
    return malformed(address);
  }
  if (parts.host.empty()) return malformed(address);
  return parts;
}

std::string describe(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(socket, generic, &size) != 0) return {};
  if (storage.ss_family == AF_UNIX) {
    return std::string(kUnixScheme) + reinterpret_cast<sockaddr_un*>(&storage)->sun_path;
  }
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  (void)::getnameinfo(generic, size, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV);
  const std::string name = host.data();
  return (storage.ss_family == AF_INET6 ? "[" + name + "]" : name) + ":" + port.data();
}

Result<BoundSocket> listen_on(FileDescriptor socket, const std::string& address) {
  if (::listen(socket.get(), kBacklog) != 0) return failed(address, "listen");
  std::string bound = describe(socket.get());
  return BoundSocket{std::move(socket), std::move(bound)};
}

Result<FileDescriptor> make_socket(int family, const std::string& address) {
  FileDescriptor socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return failed(address, "socket");
  return socket;
}

// Not SO_REUSEPORT: with it a second process would silently take a share of the clients.
Result<BoundSocket> bind_tcp(const std::string& address) {
  const HostAndPort parts = TRY(split(address));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found) != 0) {
    return malformed(address);
  }
  const Owned<addrinfo, ::freeaddrinfo> list(found);
  FileDescriptor socket = TRY(make_socket(list->ai_family, address));
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket.get(), list->ai_addr, list->ai_addrlen) != 0) return failed(address, "bind");
  return listen_on(std::move(socket), address);
}

// A socket file that nobody listens behind is left over from a process that ended.
void remove_stale(const sockaddr_un& name) {
  struct stat status {};
  if (::lstat(name.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&name);
  const bool dead = ::connect(probe.get(), generic, sizeof(name)) != 0 && errno == ECONNREFUSED;
  if (dead) (void)::unlink(name.sun_path);
}

Result<BoundSocket> bind_unix(const std::string& address) {
  const std::string path = address.substr(kUnixScheme.size());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path)) return malformed(address);
  std::memcpy(name.sun_path, path.data(), path.size());
  remove_stale(name);
  FileDescriptor socket = TRY(make_socket(AF_UNIX, address));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return failed(address, "bind");
  }
  // Nobody can connect before listen, so the mode is right when it begins to matter.
  if (::chmod(path.c_str(), kUnixMode) != 0) return failed(address, "chmod");
  return listen_on(std::move(socket), address);
}

Result<std::vector<BoundSocket>> take_inherited() {
  const int count = ::sd_listen_fds(/*unset_environment=*/0);
  if (count <= 0) {
    return Error(Code::Unavailable, "systemd: no socket was passed on");
  }
  std::vector<BoundSocket> sockets;
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd) {
    if (::sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, /*listening=*/1) <= 0) continue;
    // A copy: the passed descriptor stays for the next time this is asked.
    FileDescriptor socket(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!socket.is_open() || ::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) {
      return failed("systemd", "fcntl");
    }
    sockets.push_back(TRY(listen_on(std::move(socket), "systemd")));
  }
  if (sockets.empty()) return Error(Code::Unavailable, "systemd: no listening stream socket");
  return sockets;
}

}  // namespace

Result<std::vector<BoundSocket>> bind_sockets(const std::string& address) {
  if (address == "systemd") return take_inherited();
  std::vector<BoundSocket> sockets;
  if (address.starts_with(kUnixScheme)) {
    sockets.push_back(TRY(bind_unix(address)));
  } else {
    sockets.push_back(TRY(bind_tcp(address)));
  }
  return sockets;
}

}  // namespace kw::http
