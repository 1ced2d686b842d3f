// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "service/api/decode.h"
#include "service/core/executors.h"
#include "service/http/request.h"

namespace kw::api {

// Route is one call of the API, as data. `path` is whole, or ends in '/' and goes on with a key's
// name and, where `verb` is not empty, ':' and the verb.
struct Route {
  http::Method method;
  std::string_view path;
  std::string_view verb;
  std::string_view operation;  // the policy's word, for the record of a request that cannot be read
  core::Lane lane;
  core::Work work;  // what it asks of the token; that of a batch is its parts'
  Decoder decode;
  bool has_body;
  std::array<std::string_view, 3> query = {};  // the names that may stand behind '?'
};

// Every call that passes the door, in the order of docs/api.md.
std::span<const Route> routes() noexcept;

// Match is a route and what the target says. `route` is null where no call has this method and
// path.
struct Match {
  const Route* route = nullptr;
  Target target;
};

// Finds the route of a raw target. Errors: InvalidArgument (the key's name is none; the query is
// none, or holds a name that this call does not know).
Result<Match> match(http::Method method, std::string_view path, std::string_view query);

}  // namespace kw::api
