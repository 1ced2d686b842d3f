// SPDX-License-Identifier: Apache-2.0
#include "service/http/problem.h"

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "service/http/response.h"
#include "tests/support/expect.h"

namespace kw::http {
namespace {

nlohmann::json body_of(const Reply& reply) {
  return nlohmann::json::parse(std::get<std::string>(reply.body));
}

std::string written(Reply reply) {
  const Secret bytes = serialize(std::move(reply), RequestId(), Persistence::KeepAlive);
  return std::string(as_text(bytes.reveal()));
}

}  // namespace

TEST_CASE("problem: sends the advice and never the detail", "[http][problem]") {
  const RequestId id = RequestId::random();
  const auto advised =
      body_of(problem(refusal(Code::InvalidArgument, "field 'key' is missing"), id));
  CHECK(advised == nlohmann::json{{"type", "urn:keyward:problem:invalid_argument"},
                                  {"title", "The request is not valid"},
                                  {"status", 400},
                                  {"code", "invalid_argument"},
                                  {"detail", "field 'key' is missing"},
                                  {"request_id", id.text()}});
  const auto silent = body_of(problem(Error(Code::Internal, "slot 3: CKR_DEVICE_ERROR", 0x30), id));
  CHECK_FALSE(silent.contains("detail"));
  CHECK(silent["status"] == 500);
}

TEST_CASE("problem: says when to come back", "[http][problem]") {
  for (const Code code : {Code::ResourceExhausted, Code::Unavailable}) {
    const Reply reply = problem(Error(code, "busy"), RequestId());
    REQUIRE(reply.headers.size() == 1);
    CHECK(reply.headers.front().first == "Retry-After");
  }
  CHECK(problem(Error(Code::NotFound, ""), RequestId()).headers.empty());
}

TEST_CASE("problem: an advice that is not UTF-8 still makes JSON", "[http][problem]") {
  CHECK(body_of(problem(refusal(Code::InvalidArgument, "a\xff\"\n"), RequestId())).is_object());
}

TEST_CASE("response: a header that would split the answer makes it a 500 (27, 29)",
          "[http][negative]") {
  const Headers bad =
      GENERATE(Headers{{"X-A", "1\r\nX-B: 2"}}, Headers{{"X-A\r\nX-B", "1"}},
               Headers{{"X-A", std::string("a\0b", 3)}}, Headers{{"X A", "1"}}, Headers{{"", "1"}});
  const std::string bytes = written({200, "application/json", bad, std::string("secret body")});
  CHECK(bytes.starts_with("HTTP/1.1 500 "));
  CHECK(bytes.find("X-B") == std::string::npos);
  CHECK(bytes.find("secret body") == std::string::npos);
}

TEST_CASE("response: is one block with its length", "[http][response]") {
  const std::string bytes =
      written({201, "text/plain", {{"Keyward-Receipt", "7:ab"}}, std::string("hi")});
  CHECK(bytes ==
        "HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
        "Cache-Control: no-store\r\nX-Request-Id: " +
            std::string(32, '0') + "\r\nKeyward-Receipt: 7:ab\r\n\r\nhi");
}

}  // namespace kw::http
