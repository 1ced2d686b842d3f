// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include "base/file.h"
#include "service/api/openapi.h"
#include "service/http/problem.h"
#include "service/keys/algorithm.h"
#include "tests/unit/api/requests.h"

namespace kw::api {
namespace {

using nlohmann::json;

const std::string& page() {
  static const std::string kPage = REQUIRE_OK(read_file(KEYWARD_DOCS "/api.md"));
  return kPage;
}

// The sections that describe one call each: "### `POST /v1/wrap`" and what follows.
std::multimap<std::string, std::string> sections() {
  constexpr std::string_view kOpen = "\n### `";
  std::multimap<std::string, std::string> found;
  for (std::size_t at = page().find(kOpen); at != std::string::npos;) {
    const std::size_t begin = at + kOpen.size();
    const std::size_t end = page().find('`', begin);
    at = page().find(kOpen, end);
    found.emplace(page().substr(begin, end - begin), page().substr(end, at - end));
  }
  return found;
}

std::vector<std::string> json_blocks(const std::string& section) {
  constexpr std::string_view kOpen = "```json\n";
  std::vector<std::string> blocks;
  for (auto at = section.find(kOpen); at != std::string::npos; at = section.find(kOpen, at)) {
    at += kOpen.size();
    blocks.push_back(section.substr(at, section.find("```", at) - at));
  }
  return blocks;
}

bool page_has(const std::string& text) { return page().find(text) != std::string::npos; }

// The properties of the schema that a call's success is described with.
json answer_schema(const std::string& title) {
  const json document = json::parse(openapi_document());
  const auto follow = [&](json node) {
    return node.contains("$ref")
               ? document.at(json::json_pointer(node["$ref"].get<std::string>().substr(1)))
               : node;
  };
  std::string method = title.substr(0, title.find(' '));
  for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
  const json& responses =
      document.at("paths").at(title.substr(title.find(' ') + 1)).at(method).at("responses");
  const json answer = follow(responses.begin().value());
  return follow(answer.at("content").at("application/json").at("schema"));
}

// A closed schema's names are all there are, and the required ones are there.
void check_shape(const json& answer, const json& schema) {
  for (const auto& [name, value] : answer.items()) {
    INFO(name);
    CHECK(schema.at("properties").contains(name));
  }
  for (const auto& name : schema.at("required").get<std::vector<std::string>>()) {
    INFO(name);
    CHECK(answer.contains(name));
  }
}

}  // namespace

TEST_CASE("api page: has exactly one section for each call", "[api][docs]") {
  std::multiset<std::string> wanted(test::kOpenCalls.begin(), test::kOpenCalls.end());
  for (const Route& route : routes()) wanted.insert(test::title_of(route));
  std::multiset<std::string> found;
  for (const auto& [title, section] : sections()) found.insert(title);
  CHECK(found == wanted);
}

TEST_CASE("api page: shows a request that each call reads", "[api][docs]") {
  const auto described = sections();
  for (const Route& route : routes()) {
    if (!route.has_body) continue;
    INFO(test::title_of(route));
    const auto blocks = json_blocks(described.find(test::title_of(route))->second);
    REQUIRE(blocks.size() == 2);
    (void)REQUIRE_OK(test::read_text(route.decode, blocks[0]));
  }
}

TEST_CASE("api page: shows an answer as the OpenAPI document describes it", "[api][docs]") {
  for (const auto& [title, section] : sections()) {
    // Answers that are no JSON, or no object of this API's.
    static const std::set<std::string> kOthers = {"GET /openapi.json", "GET /v1/keys/{name}:public",
                                                  "GET /v1/audit/checkpoint"};
    if (kOthers.contains(title)) continue;
    INFO(title);
    const auto blocks = json_blocks(section);
    REQUIRE_FALSE(blocks.empty());
    check_shape(json::parse(blocks.back()), answer_schema(title));
  }
}

TEST_CASE("api page: explains each code with its status", "[api][docs]") {
  for (int i = 0; i <= static_cast<int>(Code::Internal); ++i) {
    const auto code = static_cast<Code>(i);
    const std::string row =
        "| `" + std::string(name_of(code)) + "` | " + std::to_string(http::status_of(code)) + " |";
    INFO(row);
    CHECK(page_has(row));
  }
}

TEST_CASE("api page: lists each algorithm", "[api][docs]") {
  for (const keys::Algorithm& row : keys::algorithms()) {
    INFO(row.name);
    CHECK(page_has("\n| `" + std::string(row.name) + "` | " + std::string(name_of(row.purpose)) +
                   " |"));
  }
}

}  // namespace kw::api
