// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "service/bench/sample.h"

struct ssl_ctx_st;

namespace kw::bench {

// Load is what asks the server: `connections` keep-alive connections, each of which sends the same
// request again as soon as it has the answer. One thread drives them all.
struct Load {
  ssl_ctx_st* tls;
  int port;
  std::size_t connections;
  std::string request;
};

// Runs the load for `span`, connecting and warming up not counted. `server_cpu` is asked at both
// ends of the window. Errors: Unavailable (a connection broke, an answer was not 2xx or took over
// 30 s): figures of a load that failed in part would mean nothing.
Result<Sample> run_load(const Load& load, Clock::duration span,
                        const std::function<Seconds()>& server_cpu);

}  // namespace kw::bench
