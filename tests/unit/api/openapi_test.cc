// SPDX-License-Identifier: Apache-2.0
#include "service/api/openapi.h"

#include "service/http/problem.h"
#include "service/keys/algorithm.h"
#include "tests/unit/api/requests.h"

namespace kw::api {
namespace {

using nlohmann::json;

const json& document() {
  static const json kDocument = json::parse(openapi_document());
  return kDocument;
}

const json& resolve(const json& node) {
  if (!node.contains("$ref")) return node;
  const std::string reference = node["$ref"];
  REQUIRE(reference.starts_with("#/"));
  return document().at(json::json_pointer(reference.substr(1)));
}

template <typename Visit>
void walk(const json& node, const Visit& visit) {
  visit(node);
  if (!node.is_structured()) return;
  for (const json& child : node) walk(child, visit);
}

const json& operation_of(const Route& route) {
  std::string method = test::method_of(route);
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  return document().at("paths").at(test::path_of(route)).at(method);
}

const json& schema_of(const json& operation) {
  const json& body = resolve(operation.at("requestBody"));
  return resolve(body.at("content").at("application/json").at("schema"));
}

std::set<std::string> names_of(const json& strings) { return strings.get<std::set<std::string>>(); }

std::set<std::string> members_of(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

const json& route_named(const std::string& title) {
  for (const Route& route : routes()) {
    if (test::title_of(route) == title) return operation_of(route);
  }
  FAIL("no route " << title);
  return document();
}

}  // namespace

TEST_CASE("openapi: is a document of version 3.1", "[api][openapi]") {
  CHECK(document().at("openapi") == "3.1.0");
  CHECK(document().at("security") == json::parse(R"([{"mutualTLS":[]}])"));
  CHECK(document().at("components").at("securitySchemes").at("mutualTLS").at("type") ==
        "mutualTLS");
}

TEST_CASE("openapi: describes the calls that exist and no other", "[api][openapi]") {
  std::set<std::string> wanted = test::kOpenCalls;
  for (const Route& route : routes()) wanted.insert(test::title_of(route));
  std::set<std::string> described;
  for (const auto& [path, item] : document().at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      described.insert(upper + " " + path);
    }
  }
  CHECK(described == wanted);
}

TEST_CASE("openapi: every reference leads somewhere", "[api][openapi]") {
  walk(document(), [](const json& node) {
    if (node.is_object() && node.contains("$ref")) CHECK_NOTHROW(resolve(node));
  });
}

TEST_CASE("openapi: every component is used", "[api][openapi]") {
  std::set<std::string> used;
  walk(document(), [&](const json& node) {
    if (node.is_object() && node.contains("$ref")) used.insert(node["$ref"]);
  });
  for (const auto& [kind, components] : document().at("components").items()) {
    if (kind == "securitySchemes") continue;
    for (const auto& [name, component] : components.items()) {
      CHECK(used.count("#/components/" + kind + "/" + name) == 1);
    }
  }
}

TEST_CASE("openapi: every operation has its own id", "[api][openapi]") {
  std::set<std::string> ids;
  std::size_t count = 0;
  walk(document().at("paths"), [&](const json& node) {
    if (!node.is_object() || !node.contains("operationId")) return;
    ids.insert(node["operationId"]);
    ++count;
  });
  CHECK(ids.size() == count);
}

TEST_CASE("openapi: lists the codes of the problems", "[api][openapi]") {
  std::set<std::string> codes;
  for (int i = 0; i <= static_cast<int>(Code::Internal); ++i) {
    codes.insert(std::string(name_of(static_cast<Code>(i))));
  }
  const json& problem = document().at("components").at("schemas").at("Problem");
  CHECK(names_of(problem.at("properties").at("code").at("enum")) == codes);
  const http::Reply reply = http::problem(refusal(Code::NotFound, "x"), RequestId::random());
  CHECK(members_of(json::parse(std::get<std::string>(reply.body))) ==
        members_of(problem.at("properties")));
}

TEST_CASE("openapi: lists the algorithms in their order", "[api][openapi]") {
  json names = json::array();
  for (const keys::Algorithm& row : keys::algorithms()) names.push_back(row.name);
  CHECK(document().at("components").at("schemas").at("Algorithm").at("enum") == names);
}

TEST_CASE("openapi: a call has a body and query parameters as its route says", "[api][openapi]") {
  for (const Route& route : routes()) {
    INFO(test::title_of(route));
    const json& operation = operation_of(route);
    CHECK(operation.contains("requestBody") == route.has_body);
    std::set<std::string> described;
    for (const json& parameter : operation.value("parameters", json::array())) {
      if (parameter.at("in") == "query") described.insert(parameter.at("name"));
    }
    std::set<std::string> known(route.query.begin(), route.query.end());
    known.erase("");
    CHECK(described == known);
  }
}

TEST_CASE("openapi: describes each body's fields as the decoder reads them", "[api][openapi]") {
  for (const test::Example& example : test::examples()) {
    INFO(example.title);
    const json& operation = route_named(example.title);
    const json& schema = schema_of(operation);
    std::set<std::string> fields = members_of(example.body);
    std::set<std::string> required = example.required;
    if (schema.contains("oneOf")) {
      for (const char* const either : {"message", "digest"}) {
        fields.insert(either);
        required.erase(either);
      }
    }
    CHECK(members_of(schema.value("properties", json::object())) == fields);
    CHECK(names_of(schema.value("required", json::array())) == required);
    CHECK(schema.at("additionalProperties") == false);
    CHECK(resolve(operation.at("requestBody")).at("required") == !required.empty());
  }
}

TEST_CASE("openapi: has an example for each call with a body", "[api][openapi]") {
  std::set<std::string> titles;
  for (const Route& route : routes()) {
    if (route.has_body) titles.insert(test::title_of(route));
  }
  for (const test::Example& example : test::examples()) CHECK(titles.erase(example.title) == 1);
  CHECK(titles.empty());
}

TEST_CASE("openapi: bounds what the decoders bound", "[api][openapi]") {
  const json& schemas = document().at("components").at("schemas");
  const auto bound = [&](const char* name) { return schemas.at(name).at("maxLength"); };
  const auto encoded = [](std::size_t size) {
    return base64_length(size, Base64Alphabet::Standard);
  };
  CHECK(bound("Plaintext") == encoded(kMaxPlaintext));
  CHECK(bound("MessageBytes") == encoded(kMaxMessage));
  CHECK(bound("DigestBytes") == encoded(64));
  CHECK(schemas.at("Tags").at("maxProperties") == JsonDocument::kMaxMembers);
}

}  // namespace kw::api
