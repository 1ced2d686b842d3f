// SPDX-License-Identifier: Apache-2.0
#include "service/api/json_writer.h"

#include <nlohmann/json.hpp>

#include "service/api/time_text.h"
#include "tests/support/expect.h"

namespace kw::api {
namespace {

std::string text_of(const JsonWriter& json) {
  const Secret text = json.finish();
  return std::string(as_text(text.reveal()));
}

}  // namespace

TEST_CASE("json_writer: puts commas and colons where they belong", "[api][json]") {
  JsonWriter json;
  json.begin_object().name("a").begin_array().integer(1).integer(2).begin_array().end_array();
  json.begin_object().end_object().end_array().name("b").boolean(true).name("c").string("x");
  json.name("d").begin_object().name("e").raw("[null]").name("f").boolean(false).end_object();
  json.name("g").base64({}).end_object();
  CHECK(text_of(json) == R"({"a":[1,2,[],{}],"b":true,"c":"x","d":{"e":[null],"f":false},"g":""})");
}

TEST_CASE("json_writer: writes text that nlohmann reads back", "[api][json]") {
  std::string all;
  for (char c = 0; c < 0x7F; ++c) all += c;
  const std::string text = all + "\x7F\"\\/é€😀\xEF\xBF\xBF";
  JsonWriter json;
  json.begin_object().name(text).string(text).end_object();
  const auto read = nlohmann::json::parse(text_of(json));
  REQUIRE(read.size() == 1);
  CHECK(read.begin().key() == text);
  CHECK(read.begin().value() == text);
}

TEST_CASE("json_writer: never writes a raw control character", "[api][json]") {
  JsonWriter json;
  std::string controls("\x7F");
  for (char c = 0; c < 0x20; ++c) controls += c;
  json.string(controls);
  for (const char c : text_of(json)) CHECK((c >= 0x20 && c < 0x7F));
}

TEST_CASE("json_writer: writes the largest integer exactly", "[api][json]") {
  JsonWriter json;
  json.integer(18446744073709551615u);
  CHECK(text_of(json) == "18446744073709551615");
}

TEST_CASE("json_writer: writes base64 as RFC 4648 spells it", "[api][json]") {
  JsonWriter json(1);
  const Bytes bytes{0xFF, 0xEF};
  json.begin_array().base64(as_bytes("foob")).base64(bytes).base64(bytes, Base64Alphabet::Url);
  json.end_array();
  CHECK(text_of(json) == R"(["Zm9vYg==","/+8=","_-8"])");
}

TEST_CASE("time_text: is RFC 3339 to the second", "[api][json]") {
  // date -u -d 2026-11-24T05:00:00Z +%s
  const WallTime time{std::chrono::seconds(1795496400) + std::chrono::microseconds(999'999)};
  CHECK(time_text(time) == "2026-11-24T05:00:00Z");
  CHECK(time_text(WallTime{}) == "1970-01-01T00:00:00Z");
}

}  // namespace kw::api
