// SPDX-License-Identifier: Apache-2.0
#include "service/api/routes.h"

#include <algorithm>

namespace kw::api {
namespace {

using core::Lane;
using core::Work;
using http::Method;

constexpr std::string_view kKeys = "/v1/keys/";

constexpr std::array<Route, 24> kRoutes = {{
    {Method::Post, "/v1/keys", "", "create", Lane::State, Work::Generate, decode_create_key, true},
    {Method::Get,
     "/v1/keys",
     "",
     "read",
     Lane::Host,
     Work::Host,
     decode_list_keys,
     false,
     {"prefix", "after", "limit"}},
    {Method::Get, kKeys, "", "read", Lane::Host, Work::Host, decode_show_key, false},
    {Method::Get,
     kKeys,
     "public",
     "read",
     Lane::Host,
     Work::Host,
     decode_public_key,
     false,
     {"version", "format"}},
    {Method::Post, kKeys, "rotate", "rotate", Lane::State, Work::Generate, decode_rotate_key, true},
    {Method::Post, kKeys, "disable", "disable", Lane::State, Work::Host, decode_disable_key, true},
    {Method::Post, kKeys, "enable", "enable", Lane::State, Work::Host, decode_enable_key, true},
    {Method::Post, "/v1/wrap", "", "wrap", Lane::Token, Work::Symmetric, decode_wrap, true},
    {Method::Post, "/v1/unwrap", "", "unwrap", Lane::Token, Work::Symmetric, decode_unwrap, true},
    {Method::Post, "/v1/rewrap", "", "rewrap", Lane::Token, Work::Symmetric, decode_rewrap, true},
    {Method::Post, "/v1/data-key", "", "data-key", Lane::Token, Work::Symmetric, decode_data_key,
     true},
    {Method::Post, "/v1/sign", "", "sign", Lane::Token, Work::Asymmetric, decode_sign, true},
    {Method::Post, "/v1/verify", "", "verify", Lane::Host, Work::Host, decode_verify, true},
    {Method::Post, "/v1/mac", "", "mac", Lane::Token, Work::Symmetric, decode_mac, true},
    {Method::Post, "/v1/verify-mac", "", "verify-mac", Lane::Token, Work::Symmetric,
     decode_verify_mac, true},
    {Method::Post, "/v1/random", "", "random", Lane::Token, Work::Symmetric, decode_random, true},
    {Method::Post, "/v1/batch", "", "batch", Lane::Batch, Work::Host, decode_batch, true},
    {Method::Get, "/v1/policy", "", "read-policy", Lane::Host, Work::Host, decode_read_policy,
     false},
    {Method::Put, "/v1/policy", "", "write-policy", Lane::State, Work::Host, decode_write_policy,
     true},
    {Method::Post, "/v1/policy:explain", "", "read-policy", Lane::Host, Work::Host,
     decode_explain_policy, true},
    {Method::Get, "/v1/audit/checkpoint", "", "read-audit", Lane::Host, Work::Host,
     decode_read_checkpoint, false},
    {Method::Get,
     "/v1/audit/proof",
     "",
     "read-audit",
     Lane::Host,
     Work::Host,
     decode_prove,
     false,
     {"index", "from", "size"}},
    {Method::Get,
     "/v1/audit/records",
     "",
     "read-audit",
     Lane::Host,
     Work::Host,
     decode_read_records,
     false,
     {"from", "limit"}},
    {Method::Post, "/v1/audit/context", "", "read-audit", Lane::Token, Work::Symmetric,
     decode_context_mac, true},
}};

struct Split {
  std::string_view path;  // a whole path, or kKeys
  std::string_view name;
  std::string_view verb;
};

Split split(std::string_view path) {
  if (!path.starts_with(kKeys)) return {path, {}, {}};
  const std::string_view rest = path.substr(kKeys.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return {kKeys, rest, {}};
  // Without a verb behind its colon a path is no second spelling of the key's own: it is no call.
  if (colon + 1 == rest.size()) return {path, {}, {}};
  return {kKeys, rest.substr(0, colon), rest.substr(colon + 1)};
}

// name=value pairs joined by '&'. Nothing in a query needs an escape, so none is decoded.
Result<std::map<std::string, std::string>> parse_query(std::string_view query) {
  std::map<std::string, std::string> values;
  for (bool more = !query.empty(); more;) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos ||
        pair.find('%') != std::string_view::npos) {
      return refusal(Code::InvalidArgument, "query: name=value pairs without escapes");
    }
    if (!values.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      return refusal(Code::InvalidArgument, "query: a name stands twice");
    }
  }
  return values;
}

// A misspelt name is never dropped: the answer would be to another question.
Result<void> check_names(const Route& route, const std::map<std::string, std::string>& query) {
  for (const auto& [name, value] : query) {
    if (std::find(route.query.begin(), route.query.end(), name) == route.query.end()) {
      return refusal(Code::InvalidArgument, "query: a name that this call does not know");
    }
  }
  return {};
}

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

Result<Match> match(http::Method method, std::string_view path, std::string_view query) {
  const Split parts = split(path);
  Match match;
  for (const Route& route : kRoutes) {
    if (route.method == method && route.path == parts.path && route.verb == parts.verb) {
      match.route = &route;
    }
  }
  if (match.route == nullptr) return match;
  if (parts.path == kKeys) match.target.name.emplace(TRY(KeyName::parse(parts.name)));
  match.target.query = TRY(parse_query(query));
  TRY(check_names(*match.route, match.target.query));
  return match;
}

}  // namespace kw::api
