// SPDX-License-Identifier: Apache-2.0
#include "service/http/second_opinion.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

namespace kw::http {
namespace {

namespace beast = boost::beast::http;

beast::verb verb_of(Method method) noexcept {
  switch (method) {
    case Method::Get:
      return beast::verb::get;
    case Method::Head:
      return beast::verb::head;
    case Method::Post:
      return beast::verb::post;
    case Method::Put:
      return beast::verb::put;
    case Method::Patch:
      return beast::verb::patch;
  }
  return beast::verb::unknown;
}

bool is_target(std::string_view target, const Head& head) noexcept {
  const std::string_view path = target.substr(0, head.path.size());
  const std::string_view rest = target.substr(path.size());
  if (path != head.path) return false;
  if (rest.empty()) return head.query.empty();
  return rest.front() == '?' && rest.substr(1) == head.query;
}

}  // namespace

bool second_parser_agrees(std::string_view bytes, const Head& head) {
  beast::request_parser<beast::empty_body> parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());
  parser.body_limit(boost::none);
  boost::beast::error_code failure;
  const std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), failure);
  if (failure || used != bytes.size() || !parser.is_header_done()) return false;
  const auto& message = parser.get();
  const auto target = message.target();
  return message.method() == verb_of(head.method) && message.version() == 11 && !parser.chunked() &&
         parser.content_length().value_or(0) == head.content_length &&
         is_target({target.data(), target.size()}, head);
}

}  // namespace kw::http
