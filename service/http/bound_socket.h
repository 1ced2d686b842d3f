// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace kw::http {

// BoundSocket is a listening, non-blocking stream socket and its address as `listen` would name it.
struct BoundSocket {
  FileDescriptor socket;
  std::string address;
};

// Binds what one entry of ServerOptions::listen names; "systemd" may name several.
// Errors: InvalidArgument (no address), Unavailable (cannot be bound, nothing was passed on).
Result<std::vector<BoundSocket>> bind_sockets(const std::string& address);

}  // namespace kw::http
