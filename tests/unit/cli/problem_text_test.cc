// SPDX-License-Identifier: Apache-2.0
// The codes with their statuses are those of the contract's API.
#include "cli/problem_text.h"

#include "tests/support/expect.h"

namespace kw::cli {
namespace {

struct Known {
  const char* word;
  int status;
  Code code;
};

}  // namespace

TEST_CASE("problem text: every code of the API is known", "[cli][client]") {
  const auto known = GENERATE(values<Known>({
      {"invalid_argument", 400, Code::InvalidArgument},
      {"unauthenticated", 401, Code::Unauthenticated},
      {"permission_denied", 403, Code::PermissionDenied},
      {"not_found", 404, Code::NotFound},
      {"already_exists", 409, Code::AlreadyExists},
      {"failed_precondition", 409, Code::FailedPrecondition},
      {"aborted", 409, Code::Aborted},
      {"payload_too_large", 413, Code::PayloadTooLarge},
      {"resource_exhausted", 429, Code::ResourceExhausted},
      {"unimplemented", 501, Code::Unimplemented},
      {"unavailable", 503, Code::Unavailable},
      {"deadline_exceeded", 504, Code::DeadlineExceeded},
      {"internal", 500, Code::Internal},
  }));
  const std::string body = std::string(R"({"code": ")") + known.word + R"(", "title": "T"})";
  const Error error = problem_error(known.status, body, "abc");
  CHECK(error.code() == known.code);
  CHECK(error.detail().find(std::string(known.word) + " (" + std::to_string(known.status) +
                            "): T") == 0);
  CHECK(error.detail().find("request abc") != std::string::npos);
}

TEST_CASE("problem text: a body that is no problem falls back on the status", "[cli][client]") {
  const auto body = GENERATE("", "<html>", "[]", "7", R"({"code": 7, "detail": []})", "\xff");
  CHECK(problem_error(503, body, {}).code() == Code::Unavailable);
  CHECK(problem_error(418, body, {}).code() == Code::Internal);
}

TEST_CASE("problem text: control characters do not get through", "[cli][client]") {
  const Error error = problem_error(400, R"({"detail": "a\u001b[31mb\nc"})", "\x1b[0m");
  CHECK(error.detail().find('\x1b') == std::string::npos);
  CHECK(error.detail().find("a?[31mb?c") != std::string::npos);
}

TEST_CASE("problem text: a long text is cut", "[cli][client]") {
  CHECK(printable(std::string(1 << 20, 'x')).size() == 1000);
}

TEST_CASE("problem text: bytes that are no UTF-8 do not get through", "[cli][client]") {
  CHECK(printable("a\xff"
                  "b") == "a?b");
  CHECK(printable("\xc3\xa4") == "\xc3\xa4");
}

}  // namespace kw::cli
