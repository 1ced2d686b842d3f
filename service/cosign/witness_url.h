// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kw::cosign {

// WitnessUrl is a witness's submission and monitoring prefix: http:// or https://, a host, a port
// if it is not the scheme's own, and a path if there is one.
struct WitnessUrl {
  bool is_tls = true;
  std::string host;  // without brackets
  int port = 443;
  std::string prefix;  // empty, or "/…" without a '/' at its end

  // Errors: InvalidArgument.
  static Result<WitnessUrl> parse(std::string_view text);
};

}  // namespace kw::cosign
