// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "service/http/request.h"

namespace kw::http {

struct HeadLimits {
  std::size_t fields = 64;
  std::size_t target_bytes = 8 << 10;
  std::size_t body_bytes = 1 << 20;
  std::vector<std::string> media_types{"application/json"};  // none: any
  Methods methods = Methods::Api;
};

enum class Expectation { None, Continue };
enum class Persistence { KeepAlive, Close };

// Head is what the service needs of a request's head; all other fields are checked and forgotten.
struct Head {
  Method method = Method::Get;
  std::string path;
  std::string query;
  std::string content_type;  // one that HeadLimits::media_types allows, or empty without a body
  std::size_t content_length = 0;
  Expectation expectation = Expectation::None;
  Persistence persistence = Persistence::KeepAlive;
};

// HeadScan tells how far the bytes of a head have come.
struct HeadScan {
  enum class State { Incomplete, Complete, Broken };
  State state = State::Incomplete;
  std::size_t size = 0;  // Complete: the head's bytes with the empty line; else: where to go on
};

// Looks for the empty line that ends a head, from byte `from` on (0, or an earlier scan's `size`).
// A lone CR or LF or a NUL is Broken at once, so that nobody waits for an end that cannot come.
HeadScan scan_head(std::string_view bytes, std::size_t from) noexcept;

// Judges a complete head, with its empty line. A pure function, and stricter than RFC 9112: exactly
// HTTP/1.1, origin-form, no Transfer-Encoding, no Content-Encoding, no escapes in the path.
std::variant<Head, Rejection> check_head(std::string_view bytes, const HeadLimits& limits);

// The rejection of a head that is `size` bytes long and has no end yet.
Rejection overlong(std::string_view bytes, const HeadLimits& limits) noexcept;

}  // namespace kw::http
