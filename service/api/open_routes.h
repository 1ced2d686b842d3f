// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "service/core/backend.h"
#include "service/http/request.h"

namespace kw::api {

// The calls that touch no key, no policy and no row, and so need no door: /healthz, /readyz and
// /openapi.json for everybody, /v1/whoami for a proven caller. Nothing where it is none of them.
std::optional<http::Reply> answer_open_route(const core::Backend& backend,
                                             const http::Request& request);

// The two for a plain listener that probes reach without a certificate. Nothing for other paths.
std::optional<http::Reply> answer_health(const core::Backend& backend, std::string_view path);

}  // namespace kw::api
