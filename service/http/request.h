// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/names.h"
#include "base/secret.h"
#include "base/task.h"
#include "service/identity/caller.h"

namespace kw::http {

enum class Method { Get, Head, Post, Put, Patch };

// Methods are what a server takes: all that the API needs, or what only reads.
enum class Methods { Api, ReadOnly };

// Rejection ends the connection: what follows a head that was not understood is not a request.
struct Rejection {
  int status = 400;
  std::string_view advice;  // a literal
};

// Request is one whole request that passed the head gate (service/http/head_gate.h), or a proven
// caller's that did not: that one has a `rejection` and no method, path or body. It is handed on to
// be put on record, and its answer is `problem(status, advice, id)`.
struct Request {
  Method method = Method::Get;
  std::string path;   // what stood before '?', never decoded; no '%', no empty or dot segment
  std::string query;  // what stood after '?', never decoded
  std::string content_type;  // lower case, without parameters; empty if there was none
  Secret body;
  std::shared_ptr<const identity::Caller> caller;  // null: nobody was proven
  RequestId id;
  std::string source;  // the peer's address without its port, or "unix"; never taken from a header
  Deadline deadline;   // counted from the request's first byte
  std::optional<Rejection> rejection = {};
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// Reply is one answer. The server itself adds Content-Length, X-Request-Id and Cache-Control.
// A header that is no token, or whose value holds a control character, turns the answer into a 500.
struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  std::variant<std::string, Secret> body;  // wiped after it was sent, either kind
};

// Respond takes the answer, once, on any thread, also after the server is gone. Dropping it
// uncalled answers 500.
using Respond = Task<void(Reply)>;

// What is said of a request whose answer does not come in time: it changes nothing and may be sent
// again (503), or it may have changed something (504).
enum class Overdue { Unavailable, Unknown };

// Dispatch runs on an event loop: it hands the request on and never blocks or throws.
using Dispatch = std::function<Overdue(Request, Respond)>;

}  // namespace kw::http
