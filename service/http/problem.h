// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"
#include "service/http/request.h"

namespace kw::http {

// The HTTP status of a code.
int status_of(Code code) noexcept;

// Makes the RFC 9457 answer to an error. What the caller reads is the code and Error::advice();
// Error::detail() stays inside. 429 and 503 carry Retry-After.
Reply problem(const Error& error, const RequestId& id);

// The same where HTTP has a more exact status than the code's own: 405, 408, 414, 415, 417, 431,
// 505. The code is derived from the status. 405 carries Allow, with `methods`.
Reply problem(int status, std::string_view advice, const RequestId& id,
              Methods methods = Methods::Api);
Code code_of(int status) noexcept;

}  // namespace kw::http
