// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "service/http/server.h"
#include "tests/support/expect.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tls_client.h"

namespace kw::http::test {
namespace {

std::string echo(const std::string& body) { return request("POST", "/echo", body, kJsonType); }

std::string run(const std::string& command) {
  std::string output;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  ::pclose(pipe);
  return output;
}

}  // namespace

TEST_CASE_METHOD(ServerFixture, "server: hands on a request with its proven caller",
                 "[http][request]") {
  start();
  TlsClient client(address(), app);
  const Answer answer = client.ask(echo("{\"a\":1}"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "{\"a\":1}");
  CHECK(answer.header("X-Request-Id").size() == 32);
  CHECK(answer.header("Content-Type") == "application/json");
  CHECK(client.ask(request("GET", "/other")).status == 200);
  const auto entries = journal.entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].caller == "spiffe://test/app");
  CHECK(entries[0].source == "127.0.0.1");
  CHECK(entries[1].path == "/other");
}

TEST_CASE_METHOD(ServerFixture, "server: a request without a certificate has no caller (14)",
                 "[http][request]") {
  start();
  TlsClient client(address(), anonymous());
  CHECK(client.ask(request("GET", "/healthz")).status == 200);
  CHECK(journal.entries().at(0).caller.empty());
}

TEST_CASE_METHOD(ServerFixture, "server: no header says who or where the caller is (16)",
                 "[http][negative]") {
  start();
  TlsClient client(address(), anonymous());
  (void)client.ask(request("GET", "/", {},
                           "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n"
                           "REMOTE_ADDR: 6.6.6.6\r\nX-Client-Cert: spiffe://test/app\r\n"
                           "X-SSL-Client-S-DN: CN=app\r\n"));
  const auto entry = journal.entries().at(0);
  CHECK(entry.source == "127.0.0.1");
  CHECK(entry.caller.empty());
}

TEST_CASE_METHOD(ServerFixture,
                 "server: answers a bad head with a problem, then closes (17-23, 27, 28, 30, 43)",
                 "[http][negative]") {
  struct Bad {
    std::string bytes;
    int status;
  };
  const std::string host = " HTTP/1.1\r\nHost: h\r\n";
  const auto bad = GENERATE_COPY(
      Bad{"POST /" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400},
      Bad{"POST /" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      Bad{"POST /" + host + "Transfer-Encoding: xchunked\r\n\r\n", 400},
      Bad{"POST /" + host + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(9000, 'x'), 501},
      Bad{"GET / HTTP/1.1\nHost: h\n\n", 400}, Bad{"GET / HTTP/1.1\r\n\r\n", 400},
      Bad{"GET /" + std::string(20000, 'a'), 414},
      Bad{"GET /" + host + "X: " + std::string(20000, 'a'), 431},
      Bad{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501}, Bad{"GET /\r\n\r\n", 400},
      Bad{"HEAD /" + host + "\r\n", 405}, Bad{"GET /v1/keys/a/../b" + host + "\r\n", 400},
      Bad{"GET /v1/keys/a%0d%0aX-Evil:%201" + host + "\r\n", 400},
      Bad{"POST /" + host + "Content-Length: 2000000\r\n\r\n", 413},
      Bad{request("POST", "/", "{}", "Content-Type: text/plain\r\n"), 415},
      Bad{request("POST", "/", "{}", kJsonType + "Content-Encoding: gzip\r\n"), 415});
  start();
  TlsClient client(address(), app);
  const Answer answer = client.ask(bad.bytes);
  INFO(bad.bytes.substr(0, 60));
  CHECK(answer.status == bad.status);
  CHECK(answer.header("Content-Type") == "application/problem+json");
  CHECK(answer.header("Connection") == "close");
  CHECK(nlohmann::json::parse(answer.body)["request_id"] == answer.header("X-Request-Id"));
  CHECK(answer.head.find("X-Evil") == std::string::npos);
  CHECK(client.is_closed_by_peer());
  const auto entries = journal.entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].rejected == bad.status);
  CHECK(entries[0].caller == "spiffe://test/app");
  CHECK(entries[0].path.empty());
  CHECK(entries[0].body.empty());
}

TEST_CASE_METHOD(ServerFixture, "server: nobody's bad head is answered and handed to nobody",
                 "[http][negative]") {
  start();
  TlsClient client(address(), anonymous());
  CHECK(client.ask("GET /a//b HTTP/1.1\r\nHost: h\r\n\r\n").status == 400);
  CHECK(client.is_closed_by_peer());
  CHECK(journal.entries().empty());
}

TEST_CASE_METHOD(ServerFixture, "server: what follows an error is not executed (24)",
                 "[http][negative]") {
  start();
  TlsClient client(address(), app);
  CHECK(client.ask("GET /a//b HTTP/1.1\r\nHost: h\r\n\r\n" + request("GET", "/next")).status ==
        400);
  CHECK(client.is_closed_by_peer());
  REQUIRE(journal.entries().size() == 1);
  CHECK(journal.entries()[0].rejected == 400);
}

TEST_CASE_METHOD(ServerFixture, "server: pipelined requests are answered in order",
                 "[http][request]") {
  start();
  TlsClient client(address(), app);
  REQUIRE(client.send(echo("1") + echo("22") + request("GET", "/x", {}, "Connection: close\r\n")));
  CHECK(client.receive().body == "1");
  CHECK(client.receive().body == "22");
  CHECK(client.receive().header("Connection") == "close");
  CHECK(client.is_closed_by_peer());
}

TEST_CASE_METHOD(ServerFixture, "server: a body is asked for only of a proven caller (25)",
                 "[http][negative]") {
  start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\n" + kJsonType +
                           "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  TlsClient stranger(address(), anonymous());
  CHECK(stranger.ask(head).status == 401);
  CHECK(journal.entries().empty());
  TlsClient client(address(), app);
  CHECK(client.ask(head).status == 100);
  CHECK(client.ask("{}").body == "{}");
}

TEST_CASE_METHOD(ServerFixture, "server: a slow request is cut while others are served (26)",
                 "[http][negative]") {
  options.limits.request = std::chrono::seconds(2);
  start();
  TlsClient slow_head(address(), app);
  TlsClient slow_body(address(), app);
  REQUIRE(slow_head.send("GET / HT"));
  REQUIRE(slow_body.send("POST /echo HTTP/1.1\r\nHost: h\r\n" + kJsonType +
                         "Content-Length: 10\r\n\r\nabc"));
  TlsClient other(address(), app);
  CHECK(other.ask(echo("{}")).status == 200);
  CHECK(slow_head.receive().status == 408);
  CHECK(slow_body.receive().status == 408);
  CHECK(slow_body.is_closed_by_peer());
  CHECK(journal.entries().size() == 1);
}

TEST_CASE_METHOD(ServerFixture, "server: a handshake that never comes is cut (26)",
                 "[http][negative]") {
  options.limits.handshake = std::chrono::milliseconds(300);
  start();
  const FileDescriptor silent(connect_socket(address()));
  char byte = 0;
  CHECK(::read(silent.get(), &byte, 1) == 0);
}

TEST_CASE_METHOD(ServerFixture, "server: an answer that does not come is a 503, or 504 of a change",
                 "[http][fault]") {
  options.limits.request = std::chrono::seconds(1);
  start();
  TlsClient reader(address(), app);
  const Answer unavailable = reader.ask(request("GET", "/hold"));
  CHECK(unavailable.status == 503);
  CHECK(unavailable.header("Retry-After") == "1");
  journal.release()({});  // late, and lost
  CHECK(reader.is_closed_by_peer());
  TlsClient writer(address(), app);
  CHECK(writer.ask(request("POST", "/hold", "{}", kJsonType)).status == 504);
  journal.release()({});
  CHECK(writer.is_closed_by_peer());
}

TEST_CASE_METHOD(ServerFixture, "server: a dropped request is a 500", "[http][fault]") {
  start();
  TlsClient client(address(), app);
  CHECK(client.ask(request("GET", "/drop")).status == 500);
  CHECK(client.ask(request("GET", "/after")).status == 200);
}

TEST_CASE_METHOD(ServerFixture, "server: carries a body of the largest size both ways",
                 "[http][request]") {
  start();
  TlsClient client(address(), app);
  const std::string body(1 << 20, 'x');
  CHECK(client.ask(echo(body)).body == body);
  CHECK(client.ask(echo(body + "x")).status == 413);
}

TEST_CASE_METHOD(ServerFixture, "server: a request may come byte by byte", "[http][request]") {
  start();
  TlsClient client(address(), app);
  for (const char byte : echo("{\"slow\":true}")) REQUIRE(client.send({byte}));
  CHECK(client.receive().body == "{\"slow\":true}");
}

TEST_CASE_METHOD(ServerFixture, "server: listens on IPv6 and unix sockets too", "[http][listen]") {
  options.listen = {"[::1]:0", "unix:" + (directory / "socket").string()};
  start();
  REQUIRE(server->addresses().size() == 2);
  CHECK(server->addresses()[0].starts_with("[::1]:"));
  for (const auto& where : server->addresses()) {
    TlsClient client(where, app);
    CHECK(client.ask(request("GET", "/")).status == 200);
  }
  CHECK(journal.entries().at(0).source == "::1");
  CHECK(journal.entries().at(1).source == "unix");
}

TEST_CASE_METHOD(ServerFixture, "server: replaces the socket file of a dead process",
                 "[http][listen]") {
  options.listen = {"unix:" + (directory / "socket").string()};
  start();
  server.reset();
  start();
  CHECK_CODE(Server::open(options, [](Request, Respond) { return Overdue::Unavailable; }),
             Code::Unavailable);
}

TEST_CASE_METHOD(ServerFixture, "server: refuses what is no address", "[http][listen]") {
  for (const std::string bad : {"", "7443", "127.0.0.1:", "::1:7443", "127.0.0.1:http", "unix:"}) {
    INFO(bad);
    options.listen = {bad};
    CHECK_CODE(Server::open(options, [](Request, Respond) { return Overdue::Unavailable; }),
               Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(ServerFixture, "server: curl is served", "[http][request]") {
  start();
  const std::string port = address().substr(address().rfind(':'));
  const std::string output = run(
      "curl -sS --max-time 10 --cacert " + app.ca.string() + " --cert " + app.certificate.string() +
      " --key " + app.key.string() + " -H 'Content-Type: application/json' -d '{\"x\":1}'" +
      " --resolve localhost" + port + ":127.0.0.1" +
      " -w ' %{http_code} %{http_version}' https://localhost" + port + "/echo 2>&1");
  CHECK(output == "{\"x\":1} 200 1.1");
}

}  // namespace kw::http::test
