// SPDX-License-Identifier: Apache-2.0
// The oracle is nlohmann/json.
#include "cli/json_body.h"

#include <nlohmann/json.hpp>

#include "tests/support/expect.h"

namespace kw::cli {
namespace {

nlohmann::json parsed(const JsonBody& body) {
  const Secret text = body.finish();
  return nlohmann::json::parse(text.reveal());
}

}  // namespace

TEST_CASE("json body: empty is an empty object", "[cli][json]") {
  CHECK(parsed(JsonBody()) == nlohmann::json::object());
}

TEST_CASE("json body: every kind of field reads back", "[cli][json]") {
  JsonBody body;
  body.text("t", "x").number("n", 18446744073709551615u).truth("y", true).truth("f", false);
  body.base64("b", Bytes{0, 255, 10}).pairs("p", {{"k", "v"}, {"l", ""}}).pairs("e", {});
  body.texts("s", {"a", "b"}).texts("z", {});
  CHECK(parsed(body) == nlohmann::json::parse(R"({"t": "x", "n": 18446744073709551615, "y": true,
      "f": false, "b": "AP8K", "p": {"k": "v", "l": ""}, "e": {}, "s": ["a", "b"], "z": []})"));
}

TEST_CASE("json body: every ASCII character reads back", "[cli][json]") {
  std::string all;
  for (char c = 0; c < 127; ++c) all += c;
  JsonBody body;
  body.text(all, all);
  CHECK(parsed(body).at(all) == all);
}

TEST_CASE("json body: large bytes read back whole", "[cli][json]") {
  const std::string text(1 << 20, 'x');
  JsonBody body;
  body.base64("b", as_bytes(text)).text("t", text);
  CHECK(parsed(body).at("t") == text);
  CHECK(parsed(body).at("b") == to_base64(as_bytes(text)));
}

}  // namespace kw::cli
