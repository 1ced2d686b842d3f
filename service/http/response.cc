// SPDX-License-Identifier: Apache-2.0
#include "service/http/response.h"

#include <algorithm>
#include <string_view>

#include "base/bytes.h"
#include "service/http/problem.h"

namespace kw::http {
namespace {

std::string_view reason_of(int status) noexcept {
  constexpr std::pair<int, std::string_view> kReasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [known, reason] : kReasons) {
    if (known == status) return reason;
  }
  return {};
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_safe(const Reply& reply) noexcept {
  return reply.status >= 200 && reply.status <= 599 && is_value(reply.content_type) &&
         std::all_of(reply.headers.begin(), reply.headers.end(), [](const auto& header) {
           return is_name(header.first) && is_value(header.second);
         });
}

std::span<std::uint8_t> body_of(Reply& reply) noexcept {
  if (auto* secret = std::get_if<Secret>(&reply.body)) return secret->reveal_for_writing();
  auto& text = std::get<std::string>(reply.body);
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

std::string head_of(const Reply& reply, std::size_t body_size, const RequestId& id,
                    Persistence persistence) {
  std::string head;
  head.reserve(512);
  head.append("HTTP/1.1 ").append(std::to_string(reply.status)).append(" ");
  head.append(reason_of(reply.status)).append("\r\n");
  if (!reply.content_type.empty()) {
    head.append("Content-Type: ").append(reply.content_type).append("\r\n");
  }
  head.append("Content-Length: ").append(std::to_string(body_size)).append("\r\n");
  head.append("Cache-Control: no-store\r\n");
  head.append("X-Request-Id: ").append(id.text()).append("\r\n");
  for (const auto& [name, value] : reply.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (persistence == Persistence::Close) head.append("Connection: close\r\n");
  return head.append("\r\n");
}

}  // namespace

Secret serialize(Reply reply, const RequestId& id, Persistence persistence, Extent extent) {
  if (!is_safe(reply)) {
    wipe(body_of(reply));
    reply = problem(Error(Code::Internal, "an answer's header holds a byte it may not"), id);
  }
  const auto body = body_of(reply);
  const std::string head = head_of(reply, body.size(), id, persistence);
  const auto sent = extent == Extent::Whole ? body : body.first(0);
  Secret bytes(head.size() + sent.size());
  const auto rest = std::copy(head.begin(), head.end(), bytes.reveal_for_writing().begin());
  std::copy(sent.begin(), sent.end(), rest);
  wipe(body);
  return bytes;
}

Secret continue_response() { return Secret::copy_of(as_bytes("HTTP/1.1 100 Continue\r\n\r\n")); }

}  // namespace kw::http
