// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "service/api/routes.h"
#include "tests/support/expect.h"

namespace kw::api::test {

// The path of a route as docs/api.md and the OpenAPI document write it.
inline std::string path_of(const Route& route) {
  std::string path(route.path);
  if (route.path.ends_with('/')) path += "{name}";
  return route.verb.empty() ? path : path + ":" + std::string(route.verb);
}

inline std::string method_of(const Route& route) {
  switch (route.method) {
    case http::Method::Get:
      return "GET";
    case http::Method::Head:
      return "HEAD";
    case http::Method::Post:
      return "POST";
    case http::Method::Put:
      return "PUT";
    case http::Method::Patch:
      return "PATCH";
  }
  return {};
}

// "POST /v1/wrap"
inline std::string title_of(const Route& route) { return method_of(route) + " " + path_of(route); }

// The calls that need no door, and so stand in no table of routes.
inline const std::set<std::string> kOpenCalls = {"GET /healthz", "GET /readyz", "GET /openapi.json",
                                                 "GET /v1/whoami"};

// Example is a body in which every field of a call stands, and what must not be missing.
struct Example {
  std::string title;
  Decoder decode;
  nlohmann::json body;
  std::set<std::string> required;
};

const std::vector<Example>& examples();

// Reads a body as the dispatcher does, for a call whose path may name the key "a/b".
Result<Act> read_text(Decoder decode, const std::string& body, Target target = {});
Result<Act> read(Decoder decode, const nlohmann::json& body);

}  // namespace kw::api::test
