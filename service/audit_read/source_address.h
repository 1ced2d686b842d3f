// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kw::audit_read {

// SourceAddress is a record's source, where that is an address of the internet.
struct SourceAddress {
  std::string ip;
  bool is_v6 = false;
  std::optional<std::uint16_t> port;
};

// Takes "192.0.2.7", "192.0.2.7:51000", "2001:db8::1" and "[2001:db8::1]:51000"; none for all else.
std::optional<SourceAddress> parse_source(std::string_view text);

}  // namespace kw::audit_read
