// SPDX-License-Identifier: Apache-2.0
#include "service/http/plain_stream.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>

namespace kw::http {
namespace {

// A peer that ended its side, or is gone, is Closed.
IoStep step_after(ssize_t moved, IoState otherwise) noexcept {
  if (moved > 0) return {IoState::Done, static_cast<std::size_t>(moved)};
  const bool again = moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return {again ? otherwise : IoState::Closed, 0};
}

}  // namespace

IoStep PlainStream::read(std::span<std::uint8_t> out) {
  return step_after(::recv(socket_, out.data(), out.size(), 0), IoState::WantRead);
}

IoStep PlainStream::write(std::span<const std::uint8_t> bytes) {
  return step_after(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), IoState::WantWrite);
}

}  // namespace kw::http
