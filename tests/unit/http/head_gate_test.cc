// SPDX-License-Identifier: Apache-2.0
#include "service/http/head_gate.h"

#include "service/http/second_opinion.h"
#include "tests/support/expect.h"

namespace kw::http {
namespace {

int status_of_head(const std::string& bytes) {
  const auto judged = check_head(bytes, HeadLimits{});
  if (const auto* no = std::get_if<Rejection>(&judged)) return no->status;
  CHECK(second_parser_agrees(bytes, std::get<Head>(judged)));
  return 200;
}

std::string with_line(const std::string& line) { return line + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

std::string with_fields(const std::string& fields) {
  return "POST /v1/wrap HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + fields +
         "\r\n";
}

}  // namespace

TEST_CASE("head gate: reads a good head", "[http][gate]") {
  const std::string bytes =
      "POST /v1/keys/a/b:rotate?x=%20y HTTP/1.1\r\nhost: localhost:7443\r\n"
      "Content-Type: application/json; charset=UTF-8\r\nContent-Length: 17\r\n"
      "Expect: 100-Continue\r\nConnection: keep-alive, close\r\nRange: bytes=0-1\r\n\r\n";
  const auto judged = check_head(bytes, HeadLimits{});
  REQUIRE(std::holds_alternative<Head>(judged));
  const Head& head = std::get<Head>(judged);
  CHECK(head.method == Method::Post);
  CHECK(head.path == "/v1/keys/a/b:rotate");
  CHECK(head.query == "x=%20y");
  CHECK(head.content_type == "application/json");
  CHECK(head.content_length == 17);
  CHECK(head.expectation == Expectation::Continue);
  CHECK(head.persistence == Persistence::Close);
  CHECK(second_parser_agrees(bytes, head));
}

TEST_CASE("head gate: takes what clients ordinarily send", "[http][gate]") {
  CHECK(status_of_head("GET / HTTP/1.1\r\nHost: [::1]:7443\r\n\r\n") == 200);
  CHECK(status_of_head("GET /healthz HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/7.88.1\r\n"
                       "Accept: */*\r\n\r\n") == 200);
  CHECK(status_of_head("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n") == 200);
  CHECK(status_of_head("POST /v1/keys/a:rotate HTTP/1.1\r\nHost: h\r\n\r\n") == 200);
  CHECK(status_of_head(with_fields("Content-Length: 1048576\r\n")) == 200);
}

TEST_CASE("head gate: Content-Length beside Transfer-Encoding is refused (17)",
          "[http][negative]") {
  CHECK(status_of_head(with_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status_of_head(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n")) == 400);
}

TEST_CASE("head gate: a Content-Length is one plain number (18)", "[http][negative]") {
  CHECK(status_of_head(with_fields("Content-Length: 5\r\nContent-Length: 5\r\n")) == 400);
  CHECK(status_of_head(with_fields("Content-Length: 5\r\nContent-Length: 6\r\n")) == 400);
  for (const std::string value : {"+5", "-5", "0x5", "5,5", "5 5", "", "5;", "5.0", "\v5",
                                  "18446744073709551616", "00000000000000000005"}) {
    INFO(value);
    CHECK(status_of_head(with_fields("Content-Length: " + value + "\r\n")) == 400);
  }
  CHECK(status_of_head(with_fields("Content-Length: 1048577\r\n")) == 413);
  CHECK(status_of_head(with_fields("Content-Length: 9999999999999999999\r\n")) == 413);
}

TEST_CASE("head gate: no transfer coding is read (19)", "[http][negative]") {
  for (const std::string value : {" xchunked", " chunked, identity", "\tchunked", " \vchunked",
                                  " gzip, chunked", " identity", ""}) {
    INFO(value);
    CHECK(status_of_head(with_fields("Transfer-Encoding:" + value + "\r\n")) == 400);
  }
  CHECK(status_of_head(
            with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")) == 400);
  CHECK(status_of_head(with_fields("Transfer-Encoding: chunked\r\n")) == 501);
}

TEST_CASE("head gate: line breaks, NUL and folds cannot hide (21)", "[http][negative]") {
  const std::string nul("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 35);
  for (const std::string& bytes : {nul, std::string("GET / HTTP/1.1\nHost: h\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\n\r\n"),
                                   std::string("GET /a\rb HTTP/1.1\r\nHost: h\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n"),
                                   std::string("GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
                                   std::string("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
                                   std::string("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
                                   std::string("GET / HTTP/1.1 \r\nHost: h\r\n\r\n")}) {
    INFO(bytes);
    CHECK(status_of_head(bytes) == 400);
  }
}

TEST_CASE("head gate: there is one Host and an origin-form target (22)", "[http][negative]") {
  CHECK(status_of_head("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of_head("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  for (const std::string host :
       {"", "a b", "a,b", "a/b", "user@a", "a:", "a:x", "a:123456", "[::1", "[]", ":80"}) {
    INFO(host);
    CHECK(status_of_head("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n") == 400);
  }
  CHECK(status_of_head(with_line("GET https://other/x")) == 400);
  CHECK(status_of_head(with_line("GET *")) == 400);
  CHECK(status_of_head(with_line("GET h:443")) == 400);
}

TEST_CASE("head gate: size limits have their own statuses (23)", "[http][negative]") {
  const std::string sixty_three = [] {
    std::string fields;
    for (int i = 0; i < 63; ++i) fields += "X: 1\r\n";
    return fields;
  }();
  CHECK(status_of_head("GET / HTTP/1.1\r\nHost: h\r\n" + sixty_three + "\r\n") == 200);
  CHECK(status_of_head("GET / HTTP/1.1\r\nHost: h\r\n" + sixty_three + "X: 1\r\n\r\n") == 431);
  CHECK(status_of_head(with_line("GET /" + std::string(8191, 'a'))) == 200);
  CHECK(status_of_head(with_line("GET /" + std::string(8192, 'a'))) == 414);
  CHECK(status_of_head(with_line(std::string(1024, 'M') + " /")) == 501);
  CHECK(overlong("GET /" + std::string(9000, 'a'), HeadLimits{}).status == 414);
  CHECK(overlong("GET / HTTP/1.1\r\nX: " + std::string(9000, 'a'), HeadLimits{}).status == 431);
}

TEST_CASE("head gate: unserved methods and other versions are refused (28)", "[http][negative]") {
  for (const std::string method : {"HEAD", "TRACE", "CONNECT", "DELETE", "OPTIONS"}) {
    CHECK(status_of_head(with_line(method + " /")) == 405);
  }
  for (const std::string method : {"get", "PRI", "G@T", "BREW"}) {
    INFO(method);
    CHECK(status_of_head(with_line(method + " /")) >= 400);
  }
  CHECK(status_of_head("PRI * HTTP/2.0\r\n\r\n") == 501);
  CHECK(status_of_head("GET /\r\n\r\n") == 400);
  CHECK(status_of_head("GET / HTTP/1.0\r\nHost: h\r\n\r\n") == 505);
  CHECK(status_of_head("GET / HTTP/2.0\r\nHost: h\r\n\r\n") == 505);
  for (const std::string version : {"http/1.1", "HTTP/1.10", "HTTP/11", "HTTP/ 1.1"}) {
    CHECK(status_of_head("GET / " + version + "\r\nHost: h\r\n\r\n") == 400);
  }
}

TEST_CASE("head gate: a path has one spelling (27, 30)", "[http][negative]") {
  for (const std::string path :
       {"/v1/keys/a/../b", "/v1/./b",   "/v1//b", "//v1",   "/v1/b/", "/v1/..",
        "/v1/.",           "/%2e%2e/b", "/a%2fb", "/a%5cb", "/a%00",  "/a%252fb",
        "/a%0d%0aX:1",     "/a\\b",     "/a#b",   "/a\"b",  "/a\x7f", "/a\x01",
        "/\xc3\xa9",       "/a{b}",     "a",      ""}) {
    INFO(path);
    CHECK(status_of_head(with_line("GET " + path)) == 400);
  }
  CHECK(status_of_head(with_line("GET /a?b#c")) == 400);
  CHECK(status_of_head(with_line("GET /a?b=\xc3\xa9")) == 400);
  CHECK(status_of_head(with_line("GET /...")) == 200);
}

TEST_CASE("head gate: a body is plain JSON (43)", "[http][negative]") {
  const auto with_type = [](const std::string& fields) {
    return status_of_head("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n" + fields + "\r\n");
  };
  CHECK(with_type("Content-Type: application/json\r\n") == 200);
  CHECK(with_type("Content-Type: Application/JSON;charset=utf-8\r\n") == 200);
  CHECK(with_type("Content-Type: application/json\r\nContent-Encoding: gzip\r\n") == 415);
  CHECK(with_type("") == 415);
  for (const std::string type :
       {"text/plain", "application/json; charset=utf-16", "application/json; charset=\"utf-7\"",
        "application/json;", "application/json; a=b", "application/jsonp", "application/ json",
        "application/json, text/html", "multipart/form-data; boundary=x"}) {
    INFO(type);
    CHECK(with_type("Content-Type: " + type + "\r\n") == 415);
  }
  CHECK(with_type("Content-Type: application/json\r\nContent-Type: application/json\r\n") == 400);
}

TEST_CASE("head gate: a GET has no body, an expectation one form", "[http][negative]") {
  CHECK(status_of_head("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n") == 400);
  CHECK(status_of_head(with_fields("Expect: 200-ok\r\n")) == 417);
  CHECK(status_of_head(with_fields("Connection: a b\r\n")) == 400);
  CHECK(status_of_head(with_fields("Connection: close,\r\n")) == 400);
}

TEST_CASE("head gate: a scan that goes on finds the same end as one that starts anew",
          "[http][gate]") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
  HeadScan scan;
  for (std::size_t size = 1; scan.state == HeadScan::State::Incomplete; ++size) {
    scan = scan_head(bytes.substr(0, size), scan.size);
  }
  CHECK(scan.state == HeadScan::State::Complete);
  CHECK(scan.size == bytes.size() - 4);
}

}  // namespace kw::http
