// SPDX-License-Identifier: Apache-2.0
#include <openssl/ssl.h>

#include "refusals.h"

namespace kw::whole {
namespace {

using http::test::Answer;
using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

TlsClient connect(const std::string& name) {
  const Sandbox& sandbox = shared_sandbox();
  return TlsClient(sandbox.address(), sandbox.files(name));
}

std::string create(const std::string& name) {
  return request("POST", "/v1/keys", R"({"name":")" + name + R"(","algorithm":"ed25519"})",
                 kJsonType);
}

bool exists(const std::string& name) {
  const int status = shared_sandbox().client("admin").get("/v1/keys/" + name).status;
  CHECK((status == 200 || status == 404));
  return status == 200;
}

}  // namespace

TEST_CASE("head: no field says who the caller is or where it comes from (16)",
          "[whole][head][negative]") {
  const std::string claims =
      "X-Client-Cert: spiffe://keyward.dev/admin\r\nX-SSL-Client-S-DN: CN=admin\r\n"
      "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6;by=admin\r\nREMOTE_ADDR: 6.6.6.6\r\n"
      "X-Forwarded-Client-Cert: URI=spiffe://keyward.dev/admin\r\nX-Real-IP: 6.6.6.6\r\n"
      "Authorization: Bearer admin\r\nX-Request-Id: 00000000000000000000000000000000\r\n";
  TlsClient app = connect("app");
  const Answer plain = app.ask(request("GET", "/v1/whoami"));
  const Answer claimed = app.ask(request("GET", "/v1/whoami", {}, claims));
  CHECK(plain.status == 200);
  CHECK(claimed.body == plain.body);
  const Reply random =
      reply_of(app.ask(request("POST", "/v1/random", "{\"bytes\":1}", kJsonType + claims)));
  CHECK(random.status == 200);
  const json record = shared_sandbox().records_of(random.request_id).at(0);
  CHECK(record["caller"] == "spiffe://keyward.dev/app");
  CHECK(record["source"] == "127.0.0.1");
  CHECK(record.dump().find("6.6.6.6") == std::string::npos);
  CHECK(app.ask(request("GET", "/v1/policy", {}, claims)).status == 403);
  TlsClient nobody = connect("");
  CHECK(nobody.ask(request("GET", "/v1/whoami", {}, claims)).status == 401);
}

TEST_CASE("head: what follows a refused head is not executed (24)", "[whole][head][negative]") {
  const std::string bad = GENERATE(
      "GET /a//b HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
      "POST /v1/keys HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "POST /v1/keys HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
      "Content-Length: 4\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\nHost: h\n\n");
  TlsClient admin = connect("admin");
  Refusals refusals;
  refusals.expect(reply_of(admin.ask(bad + create("head/smuggled"))), 400);
  CHECK(admin.is_closed_by_peer());
  CHECK_FALSE(exists("head/smuggled"));
  refusals.check_recorded(shared_sandbox(), "admin");
}

TEST_CASE("head: a refused body ends nothing but itself", "[whole][head]") {
  TlsClient admin = connect("admin");
  const std::string bad = request("POST", "/v1/keys", "{\"name\":1}", kJsonType);
  REQUIRE(admin.send(bad + create("head/behind")));
  CHECK(admin.receive().status == 400);
  CHECK(admin.receive().status == 201);
  CHECK(exists("head/behind"));
}

TEST_CASE("head: a body is asked for only of a proven caller (25)", "[whole][head][negative]") {
  const std::string body = "{\"bytes\":4}";
  const std::string head = "POST /v1/random HTTP/1.1\r\nHost: h\r\n" + kJsonType +
                           "Content-Length: " + std::to_string(body.size()) +
                           "\r\nExpect: 100-continue\r\n\r\n";
  TlsClient nobody = connect("");
  CHECK(nobody.ask(head).status == 401);
  CHECK(nobody.is_closed_by_peer());
  TlsClient app = connect("app");
  CHECK(app.ask(head).status == 100);
  CHECK(app.ask(body).status == 200);
}

TEST_CASE("head: a path is what it says or nothing (27, 30)", "[whole][head][negative]") {
  shared_sandbox().make_key("head/b", "ed25519");
  Refusals refusals;
  for (const std::string path : {"/v1/keys/head/../head/b",
                                 "/v1/keys/head/./b",
                                 "/v1/keys//head/b",
                                 "/v1/keys/head//b",
                                 "/v1/keys/head/b/",
                                 "/v1/keys/head/%2e%2e/b",
                                 "/v1/keys/head%2fb",
                                 "/v1/keys/head%2Fb",
                                 "/v1/keys/head%5cb",
                                 "/v1/keys/head\\b",
                                 "/v1/keys/head/b%00",
                                 "/v1/keys/head%252fb",
                                 "/v1/keys/head/%62",
                                 "/v1/keys/head/b%0d%0aX-Evil:%201",
                                 "/v1/keys/Head/b",
                                 "/v1/keys/head/b;x=1",
                                 "/v1/keys/head/b:",
                                 "/v1/keys/head/b:public:public",
                                 "/v1/keys/head/b?x=%0d%0aX-Evil:%201",
                                 "/v1/keys/head/\xC3\xA4",
                                 "/v1/keys/-b",
                                 "v1/keys",
                                 "https://localhost/v1/keys",
                                 "*"}) {
    INFO(path);
    TlsClient admin = connect("admin");
    const Answer answer = admin.ask(request("GET", path));
    // 404 is for what is no call and no key; it names nothing either.
    refusals.expect(reply_of(answer), answer.status == 404 ? 404 : 400);
    CHECK(answer.head.find("X-Evil") == std::string::npos);
    CHECK(answer.body.find("head/b") == std::string::npos);
  }
  refusals.check_recorded(shared_sandbox(), "admin");
  CHECK(connect("admin").ask(request("GET", "/v1/keys/head/b")).status == 200);
  CHECK(shared_sandbox().log().find("Evil") == std::string::npos);
}

TEST_CASE("head: a query repeats no field of a body (35)", "[whole][head][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  Refusals refusals;
  refusals.expect(app.post("/v1/random?bytes=1", {{"bytes", 16}}), 400);
  refusals.expect(app.post("/v1/random?bytes=1", json::object()), 400);
  refusals.expect(app.post("/v1/wrap?key=head/b", {{"plaintext", ""}}), 400);
  refusals.expect(app.get("/v1/keys?limit=1&limit=2"), 400);
  refusals.expect(app.get("/v1/keys?Limit=1"), 400);
  refusals.expect(app.get("/v1/keys?limit=0"), 400);
  refusals.expect(app.get("/v1/keys?limit=1001"), 400);
  refusals.check_recorded(sandbox, "app");
}

TEST_CASE("head: a body is JSON, plain and in UTF-8 (43)", "[whole][head][negative]") {
  const std::string body = "{\"bytes\":1}";
  Refusals refusals;
  for (const std::string type :
       {"Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/json; charset=utf-16\r\n",
        "Content-Type: application/json; charset=utf-7\r\n",
        "Content-Type: application/json;charset=\"utf-8\";x=1\r\n",
        "Content-Type: application/jsonx\r\n", "Content-Type: text/json\r\n", "",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: identity\r\n"}) {
    INFO(type);
    TlsClient app = connect("app");
    refusals.expect(reply_of(app.ask(request("POST", "/v1/random", body, type))), 415);
  }
  refusals.check_recorded(shared_sandbox(), "app");
  TlsClient app = connect("app");
  CHECK(app.ask(request("POST", "/v1/random", body,
                        "Content-Type: Application/JSON; charset=UTF-8\r\n"))
            .status == 200);
}

TEST_CASE("head: a body over 1 MiB is refused, unread", "[whole][head][negative]") {
  TlsClient app = connect("app");
  const Reply reply = reply_of(app.ask("POST /v1/random HTTP/1.1\r\nHost: h\r\n" + kJsonType +
                                       "Content-Length: 1048577\r\n\r\n"));
  Refusals refusals;
  refusals.expect(reply, 413);
  CHECK(reply.body["code"] == "payload_too_large");
  CHECK(app.is_closed_by_peer());
  refusals.check_recorded(shared_sandbox(), "app");
}

TEST_CASE("head: TLS is 1.3 and has no second handshake (13)", "[whole][head][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  CHECK_FALSE(TlsClient(sandbox.address(), sandbox.files("app"), {TLS1_2_VERSION}).is_connected());
  TlsClient app = connect("app");
  REQUIRE(app.ask(request("GET", "/v1/whoami")).status == 200);
  CHECK(SSL_version(app.ssl()) == TLS1_3_VERSION);
  CHECK(SSL_get_current_compression(app.ssl()) == nullptr);
  CHECK(SSL_renegotiate(app.ssl()) == 0);
  CHECK(SSL_SESSION_is_resumable(SSL_get0_session(app.ssl())) == 0);
  CHECK(SSL_SESSION_get_max_early_data(SSL_get0_session(app.ssl())) == 0);
}

}  // namespace kw::whole
