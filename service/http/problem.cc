// SPDX-License-Identifier: Apache-2.0
#include "service/http/problem.h"

#include <nlohmann/json.hpp>

namespace kw::http {
namespace {

constexpr const char* kRetryAfterSeconds = "1";
constexpr const char* kApiMethods = "GET, POST, PUT, PATCH";
constexpr const char* kReadOnlyMethods = "GET, HEAD";

std::string_view title_of(Code code) noexcept {
  switch (code) {
    case Code::InvalidArgument:
      return "The request is not valid";
    case Code::Unauthenticated:
      return "No caller was proven";
    case Code::PermissionDenied:
      return "The policy does not allow this";
    case Code::NotFound:
      return "There is no such thing";
    case Code::AlreadyExists:
      return "It exists already";
    case Code::FailedPrecondition:
      return "The present state forbids this";
    case Code::Aborted:
      return "Somebody else was faster";
    case Code::PayloadTooLarge:
      return "The request is too large";
    case Code::ResourceExhausted:
      return "Too many requests";
    case Code::Unimplemented:
      return "This is not implemented";
    case Code::Unavailable:
      return "The service is not available now";
    case Code::DeadlineExceeded:
      return "The time is up; it may or may not have happened";
    case Code::Internal:
      return "The service failed";
  }
  return {};
}

Reply make_problem(int status, Code code, std::string_view advice, const RequestId& id) {
  nlohmann::ordered_json body;
  body["type"] = "urn:keyward:problem:" + std::string(name_of(code));
  body["title"] = title_of(code);
  body["status"] = status;
  body["code"] = name_of(code);
  if (!advice.empty()) body["detail"] = advice;
  body["request_id"] = id.text();
  Reply reply{status, "application/problem+json", {}, {}};
  // Invalid UTF-8 in an advice is replaced: the other modes throw.
  reply.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (status == 429 || status == 503) reply.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return reply;
}

}  // namespace

Code code_of(int status) noexcept {
  switch (status) {
    case 401:
      return Code::Unauthenticated;
    case 408:
      return Code::DeadlineExceeded;
    case 413:
      return Code::PayloadTooLarge;
    case 501:
    case 505:
      return Code::Unimplemented;
    case 500:
      return Code::Internal;
    default:
      return Code::InvalidArgument;
  }
}

int status_of(Code code) noexcept {
  switch (code) {
    case Code::InvalidArgument:
      return 400;
    case Code::Unauthenticated:
      return 401;
    case Code::PermissionDenied:
      return 403;
    case Code::NotFound:
      return 404;
    case Code::AlreadyExists:
    case Code::FailedPrecondition:
    case Code::Aborted:
      return 409;
    case Code::PayloadTooLarge:
      return 413;
    case Code::ResourceExhausted:
      return 429;
    case Code::Internal:
      return 500;
    case Code::Unimplemented:
      return 501;
    case Code::Unavailable:
      return 503;
    case Code::DeadlineExceeded:
      return 504;
  }
  return 500;
}

Reply problem(const Error& error, const RequestId& id) {
  return make_problem(status_of(error.code()), error.code(), error.advice(), id);
}

Reply problem(int status, std::string_view advice, const RequestId& id, Methods methods) {
  Reply reply = make_problem(status, code_of(status), advice, id);
  const bool api = methods == Methods::Api;
  if (status == 405) reply.headers.emplace_back("Allow", api ? kApiMethods : kReadOnlyMethods);
  return reply;
}

}  // namespace kw::http
