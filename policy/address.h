// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kw::policy {

// Address is an IPv4 or IPv6 address. An IPv4 address that came as IPv6 (::ffff:a.b.c.d) is IPv4.
struct Address {
  static std::optional<Address> parse(std::string_view text) noexcept;

  std::array<std::uint8_t, 16> bytes{};  // an IPv4 address fills the first four
  bool is_v4 = false;
};

// Network is a range of addresses of one family, as "10.20.0.0/16", "2001:db8::/32" or one address.
class Network {
 public:
  // Errors: InvalidArgument (no address, a length that cannot be, bits set behind the length).
  static Result<Network> parse(std::string_view text);

  bool contains(const Address& address) const noexcept;

 private:
  Address base_;
  std::size_t length_ = 0;
};

}  // namespace kw::policy
