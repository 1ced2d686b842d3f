// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kw::api {

// The OpenAPI 3.1 description of every call, JSON. A test holds it against routes().
std::string_view openapi_document() noexcept;

}  // namespace kw::api
