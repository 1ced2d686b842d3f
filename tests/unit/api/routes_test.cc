// SPDX-License-Identifier: Apache-2.0
#include "service/api/routes.h"

#include "policy/operation.h"
#include "tests/unit/api/requests.h"

#include <set>

namespace kw::api {
namespace {

using http::Method;

std::string found(Method method, std::string_view path) {
  const Match match = REQUIRE_OK(api::match(method, path, ""));
  return match.route == nullptr ? "" : test::title_of(*match.route);
}

std::string name_in(Method method, std::string_view path) {
  const Match match = REQUIRE_OK(api::match(method, path, ""));
  REQUIRE(match.route != nullptr);
  REQUIRE(match.target.name.has_value());
  return match.target.name->text();
}

}  // namespace

TEST_CASE("routes: finds each call by its own method and path", "[api][routes]") {
  for (const Route& route : routes()) {
    std::string path = test::path_of(route);
    if (const auto at = path.find("{name}"); at != std::string::npos) path.replace(at, 6, "a/b");
    const Match match = REQUIRE_OK(api::match(route.method, path, ""));
    INFO(test::title_of(route));
    CHECK(match.route == &route);
    CHECK(match.target.name.has_value() == route.path.ends_with('/'));
  }
}

TEST_CASE("routes: no two calls share method and path", "[api][routes]") {
  std::set<std::string> titles;
  for (const Route& route : routes()) titles.insert(test::title_of(route));
  CHECK(titles.size() == routes().size());
  for (const std::string& open : test::kOpenCalls) CHECK(titles.count(open) == 0);
}

TEST_CASE("routes: asks the policy in words that it knows", "[api][routes]") {
  for (const Route& route : routes()) {
    INFO(test::title_of(route));
    if (route.verb.empty() && route.path == "/v1/batch") continue;
    CHECK(policy::parse_operation(route.operation).has_value());
  }
}

TEST_CASE("routes: only GET comes without a body", "[api][routes]") {
  for (const Route& route : routes()) CHECK(route.has_body == (route.method != Method::Get));
}

TEST_CASE("routes: knows no other method or path", "[api][routes]") {
  CHECK(found(Method::Get, "/v1/wrap").empty());
  CHECK(found(Method::Put, "/v1/keys").empty());
  CHECK(found(Method::Patch, "/v1/keys/a").empty());
  CHECK(found(Method::Post, "/v1/keys/a").empty());
  CHECK(found(Method::Post, "/v1/keys/a:public").empty());
  CHECK(found(Method::Get, "/v1/keys/a:rotate").empty());
  CHECK(found(Method::Post, "/v1/keys/a:destroy").empty());
  CHECK(found(Method::Post, "/v1/keys/a:Rotate").empty());
  CHECK(found(Method::Post, "/v1/keys/a:rotate:rotate").empty());
  CHECK(found(Method::Post, "/v1/keys/a:rotate/").empty());
  CHECK(found(Method::Get, "/v1/keys/a:").empty());
  const std::string path = GENERATE("", "/", "/v1", "/v1/", "/v1/keysx", "/V1/keys", "/v1/wrap/",
                                    "/v1/wrap/a", "v1/wrap", "//v1/wrap", "/v1//wrap", "/v2/wrap",
                                    "/v1/policy:", "/v1/policy:Explain", "/v1/wrap:x", "/healthz");
  INFO(path);
  for (const Method method : {Method::Get, Method::Post, Method::Put, Method::Patch}) {
    CHECK(found(method, path).empty());
  }
}

TEST_CASE("routes: takes the name as it stands", "[api][routes]") {
  CHECK(name_in(Method::Get, "/v1/keys/a/b/c") == "a/b/c");
  CHECK(name_in(Method::Get, "/v1/keys/a.b_c-d/0:public") == "a.b_c-d/0");
  CHECK(name_in(Method::Post, "/v1/keys/prod/x:disable") == "prod/x");
}

TEST_CASE("routes: a key may bear the name of a call or a device", "[api][routes]") {
  const std::string name =
      GENERATE("list", "health", "healthz", "con", "nul", "rotate", "public", "keys", "v1/keys",
               "policy", "x/rotate", "wrap", "batch", "null", "true", "0");
  INFO(name);
  CHECK(name_in(Method::Get, "/v1/keys/" + name) == name);
  CHECK(found(Method::Get, "/v1/keys/" + name) == "GET /v1/keys/{name}");
  CHECK(name_in(Method::Post, "/v1/keys/" + name + ":rotate") == name);
}

TEST_CASE("routes: refuses paths that somebody else might resolve", "[api][routes]") {
  const std::string name = GENERATE(std::string(), "a/../b", "a/./b", "..", ".", "a//b", "/a", "a/",
                                    "a/..", "%2e%2e", "a%2fb", "a%5cb", "a%00", "%252f", "a\\b",
                                    std::string("a\0b", 3), "a;b", "a b", "a+b", "~a");
  INFO(name);
  CHECK_CODE(api::match(Method::Get, "/v1/keys/" + name, ""), Code::InvalidArgument);
  CHECK_CODE(api::match(Method::Post, "/v1/keys/" + name + ":rotate", ""), Code::InvalidArgument);
}

TEST_CASE("routes: knows only the exact ASCII name", "[api][routes]") {
  const std::string name =
      GENERATE("A", "aB", "é", "e\u0301", "a\u200db", "\uff41", "-a", "_a", ".a", "a\xC3", "\xFF");
  CHECK_CODE(api::match(Method::Get, "/v1/keys/" + name, ""), Code::InvalidArgument);
}

TEST_CASE("routes: bounds the length of a name", "[api][routes]") {
  const std::string segment(63, 'a');
  std::string longest = segment;
  for (int i = 0; i < 7; ++i) longest += "/" + segment;
  CHECK(name_in(Method::Get, "/v1/keys/" + longest) == longest);
  CHECK_CODE(api::match(Method::Get, "/v1/keys/" + longest + "/a", ""), Code::InvalidArgument);
  CHECK_CODE(api::match(Method::Get, "/v1/keys/a" + segment, ""), Code::InvalidArgument);
}

TEST_CASE("routes: reads a query's names and values", "[api][routes]") {
  const Match match = REQUIRE_OK(api::match(Method::Get, "/v1/keys", "prefix=a/&limit=5&after="));
  CHECK(match.target.query ==
        std::map<std::string, std::string>{{"prefix", "a/"}, {"limit", "5"}, {"after", ""}});
}

TEST_CASE("routes: refuses a query that is no list of plain pairs", "[api][routes]") {
  const std::string query = GENERATE("prefix", "=a", "&", "prefix=a&", "&&", "prefix=%61",
                                     "%70refix=a", "prefix=a&prefix=a", "prefix=a&prefix=b");
  INFO(query);
  CHECK_CODE(api::match(Method::Get, "/v1/keys", query), Code::InvalidArgument);
}

TEST_CASE("routes: refuses a query name that the call does not know", "[api][routes]") {
  CHECK_CODE(api::match(Method::Get, "/v1/keys", "prefx=a"), Code::InvalidArgument);
  CHECK_CODE(api::match(Method::Get, "/v1/keys", "version=1"), Code::InvalidArgument);
  CHECK_CODE(api::match(Method::Get, "/v1/keys/a:public", "versoin=1"), Code::InvalidArgument);
  CHECK_CODE(api::match(Method::Get, "/v1/keys/a", "version=1"), Code::InvalidArgument);
}

TEST_CASE("routes: a query never stands in for a body", "[api][routes]") {
  const std::string query = GENERATE("key=a", "version=1", "plaintext=Zm9v", "x=y");
  for (const Route& route : routes()) {
    if (!route.has_body || route.path.ends_with('/')) continue;
    INFO(test::title_of(route));
    const std::string path = test::path_of(route);
    CHECK_CODE(api::match(route.method, path, query), Code::InvalidArgument);
  }
}

}  // namespace kw::api
