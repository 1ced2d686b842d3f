// SPDX-License-Identifier: Apache-2.0
#include "service/api/open_routes.h"

#include "service/api/json_writer.h"
#include "service/api/openapi.h"
#include "service/api/time_text.h"
#include "service/http/problem.h"

namespace kw::api {
namespace {

http::Reply readiness(const core::Backend& backend) {
  const std::vector<std::string> troubles = backend.troubles();
  JsonWriter json;
  json.begin_object().name("ready").boolean(troubles.empty()).name("troubles").begin_array();
  for (const std::string& trouble : troubles) json.string(trouble);
  json.end_array().end_object();
  http::Reply reply;
  reply.status = troubles.empty() ? 200 : 503;
  reply.body = json.finish();
  return reply;
}

void write_names(JsonWriter& json, std::string_view name, const std::vector<std::string>& names) {
  json.name(name).begin_array();
  for (const std::string& one : names) json.string(one);
  json.end_array();
}

http::Reply whoami(const identity::Caller& caller) {
  JsonWriter json(1024);
  json.begin_object().name("caller").string(caller.display_name());
  json.name("proof").string(caller.proof());
  write_names(json, "spiffe", caller.spiffe_ids());
  write_names(json, "dns", caller.dns_names());
  json.name("subject").string(caller.subject()).name("spki").string(caller.spki());
  json.name("expires").string(time_text(caller.not_after())).end_object();
  http::Reply reply;
  reply.body = json.finish();
  return reply;
}

http::Reply text_reply(std::string_view json) {
  http::Reply reply;
  reply.body = std::string(json);
  return reply;
}

}  // namespace

std::optional<http::Reply> answer_health(const core::Backend& backend, std::string_view path) {
  if (path == "/healthz") return text_reply(R"({"alive":true})");
  if (path == "/readyz") return readiness(backend);
  return std::nullopt;
}

std::optional<http::Reply> answer_open_route(const core::Backend& backend,
                                             const http::Request& request) {
  if (request.method != http::Method::Get) return std::nullopt;
  if (request.path == "/openapi.json") return text_reply(openapi_document());
  if (request.path == "/v1/whoami" && request.caller != nullptr) return whoami(*request.caller);
  return answer_health(backend, request.path);
}

}  // namespace kw::api
