// SPDX-License-Identifier: Apache-2.0
#include "service/api/openapi.h"

namespace kw {
extern const std::string_view kOpenapiJson;  // openapi.json, embedded

namespace api {

std::string_view openapi_document() noexcept { return kOpenapiJson; }

}  // namespace api
}  // namespace kw
