// SPDX-License-Identifier: Apache-2.0
#include "service/cosign/witness_url.h"

#include <algorithm>
#include <charconv>

namespace kw::cosign {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";

Error no_url(std::string_view text) {
  return Error(Code::InvalidArgument,
               "\"" + std::string(text) + "\": expected https://HOST[:PORT][/PATH], or http://…");
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f &&
           std::string_view("\"<>\\^`{|}?#@").find(c) == std::string_view::npos;
  });
}

bool read_port(std::string_view text, int& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

}  // namespace

Result<WitnessUrl> WitnessUrl::parse(std::string_view text) {
  WitnessUrl url;
  url.is_tls = text.starts_with(kHttps);
  if (!url.is_tls && !text.starts_with(kHttp)) return no_url(text);
  if (!is_plain(text)) return no_url(text);
  url.port = url.is_tls ? 443 : 80;
  std::string_view rest = text.substr(url.is_tls ? kHttps.size() : kHttp.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  url.prefix = path;
  rest = rest.substr(0, slash);
  const bool bracketed = rest.starts_with('[');
  const std::size_t close = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
  if (close == std::string_view::npos) return no_url(text);
  url.host = bracketed ? rest.substr(1, close - 1) : rest.substr(0, close);
  rest.remove_prefix(close + (bracketed ? 1 : 0));
  if (url.host.empty()) return no_url(text);
  if (rest.empty()) return url;
  if (rest.front() != ':' || !read_port(rest.substr(1), url.port)) return no_url(text);
  return url;
}

}  // namespace kw::cosign
