// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"

namespace kw::audit_sinks {

// A peer has so long to take or to say something.
inline constexpr std::chrono::seconds kPeerWithin{5};

// Non-blocking, connected sockets. Errors: Unavailable.
Result<FileDescriptor> connect_unix(const std::filesystem::path& path, int type);
Result<FileDescriptor> connect_tcp(const std::string& host, std::uint16_t port);

// Waits for one of poll's events. Errors: Unavailable (not by the deadline).
Result<void> wait_for(int fd, short events, Deadline deadline);

// Whether one of them is there now.
bool is_ready(int fd, short events);

// What errno says of a step. Unavailable.
Error socket_error(std::string_view step);

}  // namespace kw::audit_sinks
