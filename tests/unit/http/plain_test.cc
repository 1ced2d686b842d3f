// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <array>

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tls_client.h"

namespace kw::http::test {
namespace {

struct PlainFixture : ServerFixture {
  PlainFixture() {
    options.transport = Transport::Plain;
    options.tls = {};
    options.methods = Methods::ReadOnly;
    options.limits.body_bytes = 0;
  }

  // What comes back until the server ends the connection.
  std::string ask(const std::string& bytes) const {
    const FileDescriptor socket(connect_socket(address()));
    (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t size = 0; (size = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(size));
    }
    return text;
  }
};

const std::string kClose = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

}  // namespace

TEST_CASE_METHOD(PlainFixture, "plain: a request in the clear is nobody's", "[http][plain]") {
  start();
  const std::string answer = ask("GET /x" + kClose);
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.ends_with("\r\n\r\n{}"));
  REQUIRE(journal.entries().size() == 1);
  CHECK(journal.entries()[0].caller.empty());
  CHECK_FALSE(server->certificate_expires());
}

TEST_CASE_METHOD(PlainFixture, "plain: requests follow one another on a connection",
                 "[http][plain]") {
  start();
  const std::string answer =
      ask("GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\n" +
          ("GET /c" + kClose));
  REQUIRE(journal.entries().size() == 3);
  CHECK(journal.entries()[2].path == "/c");
  CHECK(answer.ends_with("\r\n\r\n{}"));
}

TEST_CASE_METHOD(PlainFixture, "plain: the answer to HEAD has a length and no body",
                 "[http][plain]") {
  start();
  const std::string answer = ask("HEAD /x" + kClose);
  CHECK(answer.find("\r\nContent-Length: 2\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE_METHOD(PlainFixture, "plain: a bad request after a HEAD is told why", "[http][plain]") {
  start();
  const std::string answer = ask("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x\r\n\r\n");
  CHECK(answer.find("HTTP/1.1 400 ") != std::string::npos);
  CHECK(answer.ends_with("}"));
}

TEST_CASE_METHOD(PlainFixture, "plain: what only reads takes no other method",
                 "[http][plain][negative]") {
  start();
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"}) {
    INFO(method);
    const std::string answer = ask(method + (" /x" + kClose));
    CHECK(answer.starts_with("HTTP/1.1 405 "));
    CHECK(answer.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  }
  CHECK(
      ask("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx").starts_with("HTTP/1.1 400 "));
  CHECK(journal.entries().empty());
  CHECK(server->meter().rejected.value() == 7);
}

TEST_CASE_METHOD(PlainFixture, "plain: a TLS handshake gets an answer in the clear",
                 "[http][plain][negative]") {
  start();
  const TlsClient client(address(), {directory / "ca.pem", {}, {}});
  CHECK_FALSE(client.is_connected());
  CHECK(journal.entries().empty());
}

TEST_CASE_METHOD(PlainFixture, "plain: who takes too long is told so", "[http][plain][negative]") {
  options.limits.request = std::chrono::milliseconds(50);
  start();
  CHECK(ask("GET /x HTTP/1.1\r\n").starts_with("HTTP/1.1 408 "));
}

TEST_CASE_METHOD(ServerFixture, "reload: new limits hold for new connections and requests",
                 "[http][reload]") {
  options.limits.connections = 1;
  start();
  Limits limits = options.limits;
  const TlsClient first(address(), app);
  REQUIRE(first.is_connected());
  CHECK_FALSE(TlsClient(address(), app).is_connected());
  CHECK(server->meter().refused.value() == 1);
  limits.connections = 2;
  limits.idle = std::chrono::milliseconds(50);
  limits.request = std::chrono::milliseconds(60);
  REQUIRE_OK(server->reload(options.tls, limits));
  TlsClient second(address(), app);
  REQUIRE(second.is_connected());
  REQUIRE(second.send("GET /x HTTP/1.1\r\n"));
  CHECK(second.receive().status == 408);
  CHECK(second.is_closed_by_peer());
  CHECK(TlsClient(address(), app).is_closed_by_peer());  // of idleness
}

TEST_CASE_METHOD(ServerFixture, "reload: bad TLS files leave the limits alone",
                 "[http][reload][negative]") {
  options.limits.connections = 1;
  start();
  Limits limits = options.limits;
  limits.connections = 2;
  TlsFiles files = options.tls;
  files.key = files.client_ca;
  CHECK_CODE(server->reload(files, limits), Code::InvalidArgument);
  const TlsClient first(address(), app);
  REQUIRE(first.is_connected());
  CHECK_FALSE(TlsClient(address(), app).is_connected());
}

TEST_CASE_METHOD(ServerFixture, "server: knows when its certificate expires", "[http][tls]") {
  start();
  const auto expires = server->certificate_expires();
  REQUIRE(expires);
  CHECK(*expires > wall_now());
}

TEST_CASE_METHOD(ServerFixture, "server: counts what comes to nothing", "[http][meter]") {
  options.limits.request = std::chrono::milliseconds(50);
  start();
  {
    const FileDescriptor socket(connect_socket(address()));
    (void)::send(socket.get(), "GET /", 5, MSG_NOSIGNAL);
    std::array<char, 64> part;
    while (::recv(socket.get(), part.data(), part.size(), 0) > 0) {
    }
  }
  CHECK(server->meter().failed_handshakes.value() == 1);
  TlsClient client(address(), app);
  CHECK(client.ask(request("GET", "/hold")).status == 503);
  CHECK(server->meter().overdue.value() == 1);
  CHECK(server->meter().accepted.value() == 2);
  (void)journal.release();
}

}  // namespace kw::http::test
