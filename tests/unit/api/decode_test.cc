// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"

#include "tests/unit/api/requests.h"

namespace kw::api {
namespace {

using nlohmann::json;
using test::Example;
using test::read;
using test::read_text;

void check_refused(Decoder decode, const json& body, const std::string& named) {
  INFO(body.dump().substr(0, 200));
  const auto act = read(decode, body);
  CHECK_CODE(act, Code::InvalidArgument);
  if (act) return;
  INFO(act.error().advice());
  CHECK(act.error().advice().find(named) != std::string::npos);
}

json with(json body, const std::string& name, const json& value) {
  body[name] = value;
  return body;
}

json without(json body, const std::string& name) {
  body.erase(name);
  return body;
}

// One value of each kind but the one that `value` has.
std::vector<json> of_other_kinds(const json& value) {
  std::vector<json> others;
  for (const json& one : {json(nullptr), json(true), json(7), json(1.5), json("x"),
                          json(json::array()), json(json::object())}) {
    const bool same = one.type() == value.type() || (one.is_number() && value.is_number());
    if (!same) others.push_back(one);
  }
  return others;
}

std::string base64_of(std::size_t size) { return to_base64(Bytes(size, 'x')); }

json pairs(std::size_t count, std::size_t value_size = 1) {
  json out = json::object();
  for (std::size_t i = 0; i < count; ++i) out[std::to_string(i)] = std::string(value_size, 'v');
  return out;
}

const json kWrap = {{"key", "a"}, {"plaintext", ""}};
const json kDataKey = {{"key", "a"}, {"bytes", 32}};
const json kSign = {{"key", "a"}, {"message", ""}};
const json kVerify = {{"key", "a"}, {"message", ""}, {"signature", ""}};
const json kVerifyMac = {{"key", "a"}, {"message", ""}, {"mac", ""}};
const json kCreate = {{"name", "a"}, {"algorithm", "ed25519"}};
const json kExplain = {{"as", json::object()}, {"do", "wrap"}};

}  // namespace

TEST_CASE("decode: takes every field of every call", "[api][decode]") {
  for (const Example& example : test::examples()) {
    INFO(example.title);
    (void)REQUIRE_OK(read(example.decode, example.body));
  }
}

TEST_CASE("decode: takes a body of the needed fields alone", "[api][decode]") {
  for (const Example& example : test::examples()) {
    INFO(example.title);
    json body = json::object();
    for (const std::string& name : example.required) body[name] = example.body[name];
    (void)REQUIRE_OK(read(example.decode, body));
  }
}

TEST_CASE("decode: names the needed field that is missing", "[api][decode]") {
  for (const Example& example : test::examples()) {
    for (const std::string& name : example.required) {
      INFO(example.title);
      check_refused(example.decode, without(example.body, name), name);
    }
  }
}

TEST_CASE("decode: names the field whose value is of another kind", "[api][decode]") {
  for (const Example& example : test::examples()) {
    for (const auto& [name, value] : example.body.items()) {
      for (const json& other : of_other_kinds(value)) {
        INFO(example.title);
        check_refused(example.decode, with(example.body, name, other), name);
      }
    }
  }
}

TEST_CASE("decode: refuses a field that the call does not have", "[api][decode]") {
  for (const Example& example : test::examples()) {
    for (const char* const name : {"contxt", "Key", "caller", "role", "key_id", "tenant", "op"}) {
      INFO(example.title);
      check_refused(example.decode, with(example.body, name, "a"), "unknown field");
    }
  }
}

TEST_CASE("decode: takes no field where a call has none", "[api][decode]") {
  for (const Decoder decode : {decode_list_keys, decode_show_key, decode_public_key,
                               decode_read_policy, decode_read_checkpoint, decode_read_records}) {
    (void)REQUIRE_OK(read(decode, json::object()));
    check_refused(decode, {{"name", "a"}}, "unknown field");
  }
}

TEST_CASE("decode: takes a version from 1 to 2^32 - 1 as plain digits", "[api][decode]") {
  const std::string text = GENERATE("0", "4294967296", "4294967297", "-1", "1.0", "1e0", "true",
                                    "\"1\"", "1e400", "null");
  for (const Decoder decode : {decode_disable_key, decode_enable_key}) {
    INFO(text);
    CHECK_CODE(read_text(decode, "{\"version\":" + text + "}"), Code::InvalidArgument);
  }
  CHECK_CODE(
      read_text(decode_verify, R"({"key":"a","message":"","signature":"","version":)" + text + "}"),
      Code::InvalidArgument);
  CHECK_CODE(
      read_text(decode_verify_mac, R"({"key":"a","message":"","mac":"","version":)" + text + "}"),
      Code::InvalidArgument);
}

TEST_CASE("decode: takes plaintext up to 65,536 bytes", "[api][decode]") {
  (void)REQUIRE_OK(read(decode_wrap, with(kWrap, "plaintext", base64_of(kMaxPlaintext))));
  check_refused(decode_wrap, with(kWrap, "plaintext", base64_of(kMaxPlaintext + 1)),
                "plaintext: more than 65536 bytes");
}

TEST_CASE("decode: takes messages up to 524,288 bytes", "[api][decode]") {
  const struct {
    Decoder decode;
    json body;
  } calls[] = {{decode_sign, kSign},
               {decode_verify, kVerify},
               {decode_mac, kSign},
               {decode_verify_mac, kVerifyMac}};
  for (const auto& call : calls) {
    (void)REQUIRE_OK(read(call.decode, with(call.body, "message", base64_of(kMaxMessage))));
    check_refused(call.decode, with(call.body, "message", base64_of(kMaxMessage + 1)),
                  "message: more than 524288 bytes");
  }
}

TEST_CASE("decode: takes digests and MACs up to 64 bytes", "[api][decode]") {
  const json digest = without(kSign, "message");
  (void)REQUIRE_OK(read(decode_sign, with(digest, "digest", base64_of(64))));
  check_refused(decode_sign, with(digest, "digest", base64_of(65)), "digest: more than 64");
  (void)REQUIRE_OK(read(decode_verify_mac, with(kVerifyMac, "mac", base64_of(64))));
  check_refused(decode_verify_mac, with(kVerifyMac, "mac", base64_of(65)), "mac: more than 64");
}

TEST_CASE("decode: takes signatures up to 4,096 bytes", "[api][decode]") {
  (void)REQUIRE_OK(read(decode_verify, with(kVerify, "signature", base64_of(kMaxSignature))));
  check_refused(decode_verify, with(kVerify, "signature", base64_of(kMaxSignature + 1)),
                "signature: too long");
}

TEST_CASE("decode: takes exactly one of message and digest", "[api][decode]") {
  for (const Decoder decode : {decode_sign, decode_verify}) {
    const json& body = decode == decode_sign ? kSign : kVerify;
    check_refused(decode, with(body, "digest", ""), "exactly one");
    check_refused(decode, without(body, "message"), "exactly one");
    (void)REQUIRE_OK(read(decode, with(without(body, "message"), "digest", "")));
  }
}

TEST_CASE("decode: reads a JWS signature as base64url and others as base64", "[api][decode]") {
  json jws = with(kVerify, "encoding", "jws");
  (void)REQUIRE_OK(read(decode_verify, with(jws, "signature", "_-8")));
  check_refused(decode_verify, with(jws, "signature", "/+8="), "signature");
  for (const char* const encoding : {"der", "raw"}) {
    const json body = with(kVerify, "encoding", encoding);
    (void)REQUIRE_OK(read(decode_verify, with(body, "signature", "/+8=")));
    check_refused(decode_verify, with(body, "signature", "_-8"), "signature");
  }
}

TEST_CASE("decode: knows three encodings", "[api][decode]") {
  const std::string encoding = GENERATE("", "DER", "der ", "asn1", "p1363");
  check_refused(decode_sign, with(kSign, "encoding", encoding + "x"), "encoding");
  check_refused(decode_verify, with(kVerify, "encoding", encoding + "x"), "encoding");
}

TEST_CASE("decode: refuses base64 that is not the one spelling", "[api][decode]") {
  const std::string text =
      GENERATE("Zm9vYg", "Zm9vYg=", "Zm9vYh==", "Zm9v\nYg==", " Zm9v", "_-8=", "_-8", "Z");
  check_refused(decode_wrap, with(kWrap, "plaintext", text), "plaintext: ");
  check_refused(decode_sign, with(kSign, "message", text), "message: ");
  check_refused(decode_verify_mac, with(kVerifyMac, "mac", text), "mac: ");
}

TEST_CASE("decode: lets the door judge text that no blob has", "[api][decode]") {
  const std::string text = GENERATE("", "!", "Zm9v=", "a b", "Zg==");
  for (const Decoder decode : {decode_unwrap, decode_rewrap}) {
    (void)REQUIRE_OK(read(decode, json{{"blob", text}}));
    (void)REQUIRE_OK(read(decode, json{{"blob", std::string(200'000, 'A')}}));
  }
}

TEST_CASE("decode: knows three sizes of data keys", "[api][decode]") {
  for (const int size : {16, 32, 64}) {
    (void)REQUIRE_OK(read(decode_data_key, with(kDataKey, "bytes", size)));
  }
  const int size = GENERATE(0, 1, 15, 17, 24, 33, 63, 65, 256);
  check_refused(decode_data_key, with(kDataKey, "bytes", size), "bytes: must be");
}

TEST_CASE("decode: gives 1 to 4,096 random bytes", "[api][decode]") {
  (void)REQUIRE_OK(read(decode_random, json{{"bytes", 1}}));
  const std::string text = GENERATE("0", "4097", "4294967297", "-1", "16.0", "1e1", "\"16\"");
  CHECK_CODE(read_text(decode_random, "{\"bytes\":" + text + "}"), Code::InvalidArgument);
}

TEST_CASE("decode: takes a context of 64 pairs and 8,192 canonical bytes", "[api][decode]") {
  (void)REQUIRE_OK(read(decode_wrap, with(kWrap, "context", pairs(64))));
  check_refused(decode_wrap, with(kWrap, "context", pairs(65)), "context: ");
  // 2 for the count, 4 for the lengths, 1 for the key.
  (void)REQUIRE_OK(read(decode_wrap, with(kWrap, "context", pairs(1, 8192 - 7))));
  check_refused(decode_wrap, with(kWrap, "context", pairs(1, 8192 - 6)), "context: ");
}

TEST_CASE("decode: takes any text in a context, also NUL", "[api][decode]") {
  (void)REQUIRE_OK(
      read_text(decode_wrap, R"({"key":"a","plaintext":"","context":{"\u0000":"\u0000","":""}})"));
  const std::string context =
      GENERATE(R"({"a":1})", R"({"a":null})", R"({"a":{}})", R"([["a","b"]])",
               R"({"a":"b","\u0061":"c"})", R"({"a":"\ud800"})");
  CHECK_CODE(read_text(decode_wrap, R"({"key":"a","plaintext":"","context":)" + context + "}"),
             Code::InvalidArgument);
}

TEST_CASE("decode: says which context is wrong", "[api][decode]") {
  const json body = {{"blob", ""}, {"new_context", {{"a", 1}}}};
  check_refused(decode_rewrap, body, "new_context: ");
}

TEST_CASE("decode: refuses names of keys that are none", "[api][decode]") {
  const std::string name = GENERATE("", "/", "a/", "/a", "A", "a//b", "a/../b", ".", "..", "-a",
                                    "a b", "a%2fb", "a:b", "a\\b", "é", "a\r\nX: y");
  for (const Example& example : test::examples()) {
    if (!example.body.contains("key") || example.title == "POST /v1/policy:explain") continue;
    INFO(example.title);
    check_refused(example.decode, with(example.body, "key", name), "key name");
  }
  check_refused(decode_create_key, with(kCreate, "name", name), "key name");
}

TEST_CASE("decode: says what is not in this release", "[api][decode]") {
  CHECK_CODE(read(decode_create_key, with(kCreate, "rotate_every", "90d")), Code::Unimplemented);
  for (const char* residency : {"token", "wrapped"}) {
    CHECK(read(decode_create_key, with(kCreate, "residency", residency)));
  }
  check_refused(decode_create_key, with(kCreate, "residency", "cloud"), "residency");
  check_refused(decode_create_key, with(kCreate, "tags", {{"a", 1}}), "tags");
}

TEST_CASE("decode: reads a page's limit from 1 to 1,000", "[api][decode]") {
  const auto list = [](std::map<std::string, std::string> query) {
    return read_text(decode_list_keys, "{}", Target{std::nullopt, std::move(query)});
  };
  for (const char* const limit : {"1", "1000", ""}) (void)REQUIRE_OK(list({{"limit", limit}}));
  (void)REQUIRE_OK(list({{"prefix", "a/"}, {"after", "a/b"}}));
  const std::string limit = GENERATE("0", "1001", "-1", "+1", " 1", "1 ", "1.0", "x", "4294967297");
  CHECK_CODE(list({{"limit", limit}}), Code::InvalidArgument);
}

TEST_CASE("decode: reads a public half's version and format", "[api][decode]") {
  const auto ask = [](std::map<std::string, std::string> query) {
    return read_text(decode_public_key, "{}", Target{std::nullopt, std::move(query)});
  };
  for (const char* const format : {"pem", "jwk", "ssh"}) {
    (void)REQUIRE_OK(ask({{"format", format}, {"version", "4294967295"}}));
  }
  for (const char* const format : {"", "PEM", "der"}) {
    CHECK_CODE(ask({{"format", format}}), Code::InvalidArgument);
  }
  for (const char* const version : {"0", "-1", "1.0", "4294967296", "x"}) {
    CHECK_CODE(ask({{"version", version}}), Code::InvalidArgument);
  }
}

TEST_CASE("decode: takes 1 to 1,000 parts in a batch", "[api][decode]") {
  const auto batch = [](std::size_t parts) {
    const json part = {{"op", "random"}, {"bytes", 1}};
    return read(decode_batch, json{{"requests", std::vector<json>(parts, part)}});
  };
  (void)REQUIRE_OK(batch(1));
  (void)REQUIRE_OK(batch(1000));
  CHECK_CODE(batch(1001), Code::InvalidArgument);
  CHECK_CODE(batch(0), Code::InvalidArgument);
}

TEST_CASE("decode: each part of a batch is a step, and says what it asks of the token",
          "[api][decode]") {
  const Act act = REQUIRE_OK(read_text(
      decode_batch,
      R"({"requests":[{"op":"sign","key":"k","message":"eA=="},{"op":"random","bytes":1},{}]})"));
  const core::Steps steps = act.steps();
  CHECK(steps[core::index_of(core::Work::Asymmetric)] == 1);
  CHECK(steps[core::index_of(core::Work::Symmetric)] == 1);
  CHECK(steps[core::index_of(core::Work::Host)] == 2);  // a refusal, and the answer
  CHECK(act.next() == core::Work::Asymmetric);
}

TEST_CASE("decode: refuses a bad part of a batch at the door and not the whole", "[api][decode]") {
  const std::string part =
      GENERATE("1", "null", "[]", "{}", R"({"op":1})", R"({"op":"batch","requests":[]})",
               R"({"op":"create","name":"a","algorithm":"ed25519"})", R"({"op":"wrap"})",
               R"({"op":"random","bytes":1,"key":"a"})", R"({"op":"random","bytes":4097})");
  INFO(part);
  (void)REQUIRE_OK(
      read_text(decode_batch, R"({"requests":[{"op":"random","bytes":1},)" + part + "]}"));
}

TEST_CASE("decode: reads whom explain is about strictly", "[api][decode]") {
  check_refused(decode_explain_policy, with(kExplain, "as", {{"name", "x"}}), "unknown field");
  check_refused(decode_explain_policy, with(kExplain, "as", {{"spiffe", "x"}}), "spiffe");
  check_refused(decode_explain_policy, with(kExplain, "as", {{"dns", {1}}}), "dns");
  check_refused(decode_explain_policy, with(kExplain, "as", {{"spki", 1}}), "spki");
  const json many = std::vector<json>(65, "spiffe://a");
  check_refused(decode_explain_policy, with(kExplain, "as", {{"spiffe", many}}), "spiffe: more");
}

TEST_CASE("decode: never repeats a value in its advice", "[api][decode]") {
  const std::string marked = "TWFya2VkCg";
  for (const Example& example : test::examples()) {
    for (const auto& [name, value] : example.body.items()) {
      if (!value.is_string()) continue;
      const auto act = read(example.decode, with(example.body, name, marked + "\r\n"));
      if (act) continue;
      INFO(example.title << " " << name);
      CHECK(act.error().advice().find(marked) == std::string::npos);
    }
  }
}

TEST_CASE("decode: a proof is of a record or of growth, with numbers that are ones",
          "[api][decode]") {
  const auto prove = [](std::map<std::string, std::string> query) {
    return read_text(decode_prove, "{}", Target{std::nullopt, std::move(query)});
  };
  (void)REQUIRE_OK(prove({{"index", "0"}}));
  (void)REQUIRE_OK(prove({{"index", "18446744073709551614"}, {"size", "1"}}));
  (void)REQUIRE_OK(prove({{"from", "0"}, {"size", "12"}}));
  CHECK_CODE(prove({}), Code::InvalidArgument);
  CHECK_CODE(prove({{"size", "12"}}), Code::InvalidArgument);
  CHECK_CODE(prove({{"index", "0"}, {"from", "0"}}), Code::InvalidArgument);
  const std::string bad =
      GENERATE("18446744073709551615", "18446744073709551616", "-1", "+1", " 1", "01", "1.0", "x");
  CHECK_CODE(prove({{"index", bad}}), Code::InvalidArgument);
  CHECK_CODE(prove({{"index", "1"}, {"size", bad}}), Code::InvalidArgument);
}

}  // namespace kw::api
