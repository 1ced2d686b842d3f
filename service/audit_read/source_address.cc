// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/source_address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <utility>

namespace kw::audit_read {
namespace {

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> parsed;
  // What stands behind a zero byte is not looked at.
  return text.find('\0') == std::string::npos &&
         ::inet_pton(family, text.c_str(), parsed.data()) == 1;
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(port) : std::nullopt;
}

// The text in front of a port, and the port; the whole text if it has none.
std::pair<std::string_view, std::optional<std::uint16_t>> without_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool in_brackets = text.starts_with('[') && colon != 0 && colon != std::string_view::npos &&
                           text[colon - 1] == ']';
  const bool is_only = colon != std::string_view::npos && text.find(':') == colon;
  if (!in_brackets && !is_only) return {text, std::nullopt};
  const auto port = port_in(text.substr(colon + 1));
  if (!port) return {text, std::nullopt};
  return {in_brackets ? text.substr(1, colon - 2) : text.substr(0, colon), port};
}

}  // namespace

std::optional<SourceAddress> parse_source(std::string_view text) {
  const auto [address, port] = without_port(text);
  SourceAddress source{std::string(address), false, port};
  if (is_address(AF_INET, source.ip)) return source;
  source.is_v6 = true;
  return is_address(AF_INET6, source.ip) ? std::optional(source) : std::nullopt;
}

}  // namespace kw::audit_read
