// SPDX-License-Identifier: Apache-2.0
#include "refusals.h"

namespace kw::whole {
namespace {

// The texts of one negative test, sent to one call as app: each is refused, on record.
void refuse_all(const std::string& target, const std::vector<std::string>& bodies) {
  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  Refusals refusals;
  for (const std::string& body : bodies) {
    INFO(body.substr(0, 200));
    refusals.expect(app.post_text(target, body), 400);
  }
  refusals.check_recorded(sandbox, "app");
  CHECK(app.post("/v1/random", {{"bytes", 1}}).status == 200);
}

// {"bytes": NUMBER}
std::string bytes_of(const std::string& number) { return "{\"bytes\":" + number + "}"; }

std::string repeated(const std::string& piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

const Sandbox& with_key() {
  const Sandbox& sandbox = shared_sandbox();
  static const bool made = [&] {
    sandbox.make_key("body/wrap");
    sandbox.make_key("body/sign", "ecdsa-p256-sha256");
    sandbox.make_key("body/ed", "ed25519");
    sandbox.make_key("body/mac", "hmac-sha256");
    return true;
  }();
  REQUIRE(made);
  return sandbox;
}

std::string wrap_with(const std::string& member) {
  return R"({"key":"body/wrap","plaintext":"")" + (member.empty() ? "" : "," + member) + "}";
}

}  // namespace

TEST_CASE("body: a name that stands twice is refused at any depth (36)",
          "[whole][body][negative]") {
  with_key();
  refuse_all("/v1/wrap", {wrap_with(R"("plaintext":"")"), wrap_with("\"pl\\u0061intext\":\"\""),
                          wrap_with(R"("context":{"a":"1","a":"1"})"),
                          wrap_with("\"context\":{\"a\":\"1\",\"\\u0061\":\"2\"}"),
                          wrap_with(R"("context":{},"context":{})")});
  refuse_all("/v1/batch", {R"({"requests":[{"op":"random","bytes":1,"bytes":2}],"requests":[]})"});
}

TEST_CASE("body: a number is plain digits in its range (37, 38)", "[whole][body][negative]") {
  std::vector<std::string> bodies;
  for (const std::string number : {"4294967297", "4294967312", "18446744073709551632",
                                   "-1",         "-0",         "1.0",
                                   "1e0",        "1E+0",       "01",
                                   "+1",         "0x10",       "true",
                                   "null",       "\"1\"",      "[1]",
                                   "{}",         "1e400",      "-1e400",
                                   "1e-400",     ".5"}) {
    bodies.push_back(bytes_of(number));
  }
  bodies.push_back(bytes_of(repeated("9", 10'000)));
  bodies.push_back(bytes_of("0." + repeated("0", 10'000)));
  bodies.push_back(bytes_of("1" + repeated("0", 10'000)));
  refuse_all("/v1/random", bodies);
}

TEST_CASE("body: nesting is refused, however deep (39)", "[whole][body][negative]") {
  refuse_all("/v1/random", {repeated("[", 100'000), repeated("{\"\":", 16'384),
                            repeated("[", 100'000) + repeated("]", 100'000),
                            bytes_of(repeated("[", 9) + repeated("]", 9))});
}

TEST_CASE("body: what is not exactly one JSON object is refused (40)", "[whole][body][negative]") {
  refuse_all("/v1/random", {"\xEF\xBB\xBF{\"bytes\":1}",
                            "{\"bytes\":1}x",
                            "{\"bytes\":1}{\"bytes\":1}",
                            "{\"bytes\":1}\n{\"bytes\":1}",
                            "{\"bytes\":1}/* */",
                            "// \n{\"bytes\":1}",
                            "{\"bytes\":1,}",
                            "{\"bytes\":NaN}",
                            "{\"bytes\":Infinity}",
                            "{'bytes':1}",
                            "{bytes:1}",
                            "{\"bytes\":1",
                            "\"bytes\"",
                            "[]",
                            "[{\"bytes\":1}]",
                            "1",
                            "null",
                            " ",
                            "{\"bytes\" 1}",
                            "{\"bytes\":1;}",
                            std::string("{\"bytes\":1}\0", 12),
                            "{\"bytes\":1}\v",
                            "{\"bytes\":\n\f1}"});
}

TEST_CASE("body: a field that the call does not know is refused (41)", "[whole][body][negative]") {
  with_key();
  refuse_all("/v1/wrap",
             {wrap_with(R"("contxt":{"tenant":"7"})"), wrap_with(R"("Context":{"tenant":"7"})"),
              wrap_with(R"("context ":{})"), wrap_with(R"("":"")"), wrap_with(R"("version":1)"),
              wrap_with(R"("__proto__":{})")});
  refuse_all("/v1/batch", {R"({"requests":[],"op":"random"})", R"({"requests":[],"atomic":true})"});
}

TEST_CASE("body: the fields of a batch's parts are read as strictly (41)",
          "[whole][body][negative]") {
  Client app = with_key().client("app");
  const Reply reply = app.post_text(
      "/v1/batch", R"({"requests":[{"op":"random","bytes":1,"byte":2},{"op":"random","bytes":1.0},)"
                   R"({"op":"destroy","key":"body/wrap"},{"bytes":1},{"op":"random","bytes":1}]})");
  REQUIRE(reply.status == 200);
  for (std::size_t i = 0; i < 4; ++i) CHECK(reply.body["results"][i]["status"] == 400);
  CHECK(reply.body["results"][4]["status"] == 200);
}

TEST_CASE("body: text that is no UTF-8 is refused wherever it stands (33)",
          "[whole][body][negative]") {
  with_key();
  std::vector<std::string> wraps;
  std::vector<std::string> names;
  for (const std::string bad : {"\xC0\xAF", "\xC1\x81", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\x80",
                                "\xFF", "\xC3", "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF",
                                "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xC3\x28"}) {
    wraps.push_back(wrap_with("\"context\":{\"a\":\"" + bad + "\"}"));
    wraps.push_back(wrap_with("\"context\":{\"" + bad + "\":\"a\"}"));
    wraps.push_back("{\"key\":\"body/wrap" + bad + "\",\"plaintext\":\"\"}");
    wraps.push_back("{\"key\":\"body/wrap\",\"plaintext\":\"" + bad + "\"}");
    wraps.push_back(wrap_with("\"" + bad + "\":1"));
  }
  refuse_all("/v1/wrap", wraps);
}

TEST_CASE("body: half a surrogate is refused, NUL in a context is a character (42)",
          "[whole][body][negative]") {
  Client app = with_key().client("app");
  refuse_all(
      "/v1/wrap",
      {wrap_with(R"("context":{"a":"\ud800"})"), wrap_with(R"("context":{"a":"\udc00"})"),
       wrap_with(R"("context":{"a":"\ud800x"})"), wrap_with(R"("context":{"a":"\ud800\ud800"})"),
       wrap_with(R"("context":{"\udfff":"a"})"), wrap_with(R"("context":{"a":"\u12"})"),
       wrap_with(R"("context":{"a":"\x41"})"), wrap_with("\"context\":{\"a\":\"line\nbreak\"}")});
  const Reply made = app.post_text("/v1/wrap", wrap_with(R"("context":{"a":"x\u0000y"})"));
  REQUIRE(made.status == 200);
  const auto open = [&](const std::string& context) {
    return app.post_text("/v1/unwrap", "{\"blob\":" + made.body["blob"].dump() +
                                           ",\"context\":{\"a\":\"" + context + "\"}}");
  };
  CHECK(open("x\\u0000y").status == 200);
  CHECK(open("x").status == 400);
  CHECK(open("xy").status == 400);
  CHECK(open("x\\u0000z").status == 400);
}

TEST_CASE("body: base64 has one spelling (44)", "[whole][body][negative]") {
  with_key();
  std::vector<std::string> bodies;
  for (const std::string bad :
       {"aGVsbG8", "aGVsbG8==", "aGVsbG8=\\n", "aGVs\\nbG8=", "aGVs bG8=", " aGVsbG8=", "aGVsbG9=",
        "aGVsbG8=aGVsbG8=", "a", "====", "_-8=", "-_-_", "aGVsbG8=\\u0000", "aGVs*G8="}) {
    bodies.push_back(R"({"key":"body/wrap","plaintext":")" + bad + "\"}");
  }
  refuse_all("/v1/wrap", bodies);
}

TEST_CASE("body: what it claims of its sender is an unknown field (45)",
          "[whole][body][negative]") {
  with_key();
  refuse_all("/v1/wrap",
             {wrap_with(R"("caller":"spiffe://keyward.dev/admin")"), wrap_with(R"("role":"admin")"),
              wrap_with(R"("key_id":"00000000000000000000000000000000")"),
              wrap_with(R"("as":{"spiffe":["spiffe://keyward.dev/admin"]})"),
              wrap_with(R"("tenant":"other")")});
  Client app = shared_sandbox().client("app");
  Refusals refusals;
  refusals.expect(app.post_text("/v1/keys", R"({"name":"body/mine","algorithm":"ed25519"})"), 403);
  refusals.check_recorded(shared_sandbox(), "app");
  CHECK(app.post_text("/v1/keys", R"({"name":"body/mine","algorithm":"ed25519","caller":"admin"})")
            .status == 400);
  CHECK(shared_sandbox().client("admin").get("/v1/keys/body/mine").status == 404);
}

TEST_CASE("body: only the exact ASCII name is a key's name (27, 31, 32)",
          "[whole][body][negative]") {
  const Sandbox& sandbox = with_key();
  Client admin = sandbox.client("admin");
  Refusals refusals;
  const std::string segment(64, 'a');
  for (const std::string bad : {"Body/wrap",
                                "BODY/WRAP",
                                "body/wr\u00e4p",
                                "body/wra\u0308p",
                                "body/wrap\u200d",
                                "body/\uff57rap",
                                "body/wr\u0430p",
                                "",
                                "/",
                                "body/",
                                "/body",
                                "body//wrap",
                                ".",
                                "..",
                                "body/..",
                                "body/./wrap",
                                "-dash",
                                "body/-dash",
                                "_x",
                                "body/wrap ",
                                " body/wrap",
                                "body%2fwrap",
                                "body\\wrap",
                                "body:wrap",
                                "body/wrap\t",
                                "body\r\nX-Evil: 1",
                                "a/b/c/d/e/f/g/h/i"}) {
    INFO(bad);
    refusals.expect(admin.post("/v1/keys", {{"name", bad}, {"algorithm", "ed25519"}}), 400);
  }
  refusals.expect(admin.post("/v1/keys", {{"name", segment}, {"algorithm", "ed25519"}}), 400);
  refusals.check_recorded(sandbox, "admin");
  for (const std::string harmless : {"list", "health", "con", "keys", "a.b_c-d"}) {
    INFO(harmless);
    sandbox.make_key(harmless, "ed25519");
    CHECK(admin.get("/v1/keys/" + harmless).body["name"] == harmless);
  }
  CHECK(admin.get("/v1/keys?limit=2").body["keys"].size() == 2);
}

TEST_CASE("body: lengths have their bounds (64)", "[whole][body][negative]") {
  with_key();
  std::vector<std::string> signs;
  for (const std::size_t size : {0u, 1u, 20u, 31u, 33u, 48u, 64u, 65u}) {
    const std::string digest = base64(std::string(size, 'd'));
    signs.push_back(R"({"key":"body/sign","digest":")" + digest + "\"}");
  }
  const std::string digest = base64(std::string(32, 'd'));
  signs.push_back(R"({"key":"body/ed","digest":")" + digest + "\"}");
  signs.push_back(R"({"key":"body/sign","message":"","digest":")" + digest + "\"}");
  signs.push_back(R"({"key":"body/sign"})");
  signs.push_back(R"({"key":"body/ed","message":"","encoding":"raw"})");
  signs.push_back(R"({"key":"body/wrap","message":""})");
  signs.push_back(R"({"key":"body/sign","message":")" + base64(std::string(524'289, 'm')) + "\"}");
  refuse_all("/v1/sign", signs);
  refuse_all("/v1/wrap",
             {R"({"key":"body/wrap","plaintext":")" + base64(std::string(65'537, 'p')) + "\"}",
              wrap_with("\"context\":{\"a\":\"" + std::string(8'190, 'c') + "\"}"),
              R"({"key":"body/mac","plaintext":""})"});
  refuse_all("/v1/verify-mac",
             {R"({"key":"body/mac","message":"","mac":")" + base64(std::string(65, 'm')) + "\"}"});
  refuse_all("/v1/verify", {R"({"key":"body/sign","message":"","signature":")" +
                            base64(std::string(4'097, 's')) + "\"}"});
  const std::string part = R"({"op":"random","bytes":1})";
  refuse_all("/v1/batch", {"{\"requests\":[" + part + repeated("," + part, 1'000) + "]}"});
}

TEST_CASE("body: what is just within its bounds is done (64)", "[whole][body]") {
  Client app = with_key().client("app");
  CHECK(
      app.post("/v1/wrap", {{"key", "body/wrap"}, {"plaintext", base64(std::string(65'536, 'p'))}})
          .status == 200);
  CHECK(app.post("/v1/sign", {{"key", "body/sign"}, {"message", base64(std::string(524'288, 'm'))}})
            .status == 200);
  CHECK(app.post("/v1/sign", {{"key", "body/sign"}, {"digest", base64(std::string(32, 'd'))}})
            .status == 200);
}

TEST_CASE("body: there is no old algorithm to ask for (61, 63)", "[whole][body][negative]") {
  const Sandbox& sandbox = with_key();
  Client admin = sandbox.client("admin");
  Refusals created;
  for (const std::string none :
       {"rsa-1024-pkcs1-sha256", "rsa-1024-pss-sha256", "rsa-2048-pkcs1-sha1", "rsa-2048-raw",
        "rsa-2048-pkcs1", "rsa-2048-oaep-sha256", "rsa-2048", "rsa", "aes-256-ecb", "aes-256-gcm",
        "3des", "hmac-sha1", "hmac-md5", "ecdsa-p192-sha1", "ecdsa-p256-sha1", "dsa-1024-sha1",
        "RSA-2048-PSS-SHA256", "xaes-256-gcm ", ""}) {
    INFO(none);
    created.expect(admin.post("/v1/keys", {{"name", "body/no"}, {"algorithm", none}}), 400);
  }
  const json good = {{"name", "body/no"}, {"algorithm", "rsa-2048-pkcs1-sha256"}};
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, json>>{{"public_exponent", 3},
                                                 {"e", 3},
                                                 {"bits", 1024},
                                                 {"extractable", true},
                                                 {"value", "AAAA"},
                                                 {"usage", {"decrypt"}}}) {
    json body = good;
    body[field] = value;
    INFO(field);
    created.expect(admin.post("/v1/keys", body), 400);
  }
  created.check_recorded(sandbox, "admin");
  CHECK(admin.get("/v1/keys/body/no").status == 404);
  std::vector<std::string> unwraps;
  for (const std::string field :
       {R"("iv":"AAAA")", R"("nonce":"AAAA")", R"("aad":"")", R"("tag_length":4)",
        R"("algorithm":"aes-256-gcm")", R"("suite":1)", R"("version":1)", R"("padding":"pkcs1")"}) {
    unwraps.push_back(R"({"blob":"a3di",)" + field + "}");
  }
  refuse_all("/v1/unwrap", unwraps);
  std::vector<std::string> signs;
  for (const std::string field :
       {R"("algorithm":"rsa-sha1")", R"("hash":"SHA1")", R"("padding":"none")",
        R"("mechanism":"CKM_RSA_X_509")", R"("encoding":"none")", R"("salt_length":0)"}) {
    signs.push_back(R"({"key":"body/sign","message":"",)" + field + "}");
  }
  refuse_all("/v1/sign", signs);
  Client app = sandbox.client("app");
  for (const std::string call : {"decrypt", "encrypt", "export", "import", "derive"}) {
    CHECK(app.post("/v1/" + call, json::object()).status == 404);
  }
}

}  // namespace kw::whole
