// SPDX-License-Identifier: Apache-2.0
#include "policy/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kw::policy {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::uint8_t masked(std::uint8_t byte, std::size_t bits) noexcept {
  return bits >= 8 ? byte : static_cast<std::uint8_t>(byte & (0xFF00u >> bits));
}

bool agree(const Address& a, const Address& b, std::size_t length) noexcept {
  for (std::size_t i = 0; i * 8 < length; ++i) {
    const std::size_t bits = length - i * 8;
    if (masked(a.bytes[i], bits) != masked(b.bytes[i], bits)) return false;
  }
  return true;
}

bool is_zero_behind(const Address& address, std::size_t length) noexcept {
  Address cut;
  for (std::size_t i = 0; i * 8 < length; ++i)
    cut.bytes[i] = masked(address.bytes[i], length - i * 8);
  return cut.bytes == address.bytes;
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated.begin());
  if (std::string_view(terminated.data()) != text) return std::nullopt;  // a NUL inside
  Address address;
  if (::inet_pton(AF_INET, terminated.data(), address.bytes.data()) == 1) {
    address.is_v4 = true;
    return address;
  }
  if (::inet_pton(AF_INET6, terminated.data(), address.bytes.data()) != 1) return std::nullopt;
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes.begin())) {
    std::copy(address.bytes.begin() + 12, address.bytes.end(), address.bytes.begin());
    std::fill(address.bytes.begin() + 4, address.bytes.end(), std::uint8_t{0});
    address.is_v4 = true;
  }
  return address;
}

Result<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto base = Address::parse(text.substr(0, slash));
  if (!base) return refusal(Code::InvalidArgument, "'" + std::string(text) + "' is no network");
  Network network;
  network.base_ = *base;
  const std::size_t longest = base->is_v4 ? 32 : 128;
  network.length_ = longest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), network.length_);
    if (failure != std::errc() || end != digits.data() + digits.size() ||
        network.length_ > longest) {
      return refusal(Code::InvalidArgument, "'" + std::string(text) + "': impossible length");
    }
  }
  if (!is_zero_behind(network.base_, network.length_)) {
    return refusal(Code::InvalidArgument, "'" + std::string(text) + "': bits behind the length");
  }
  return network;
}

bool Network::contains(const Address& address) const noexcept {
  return address.is_v4 == base_.is_v4 && agree(address, base_, length_);
}

}  // namespace kw::policy
