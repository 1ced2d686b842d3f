// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/secret.h"
#include "base/task.h"
#include "service/core/key_service.h"

namespace kw::api {

// Answer is a successful reply in the API's own terms.
struct Answer {
  int status = 200;
  std::string_view content_type = "application/json";
  Secret body;
};

// Act is a request that was read and checked: calling it with an executor's KeyService passes the
// door, once.
using Act = Task<core::Sealed<Answer>(core::KeyService&, const core::Call&)>;

}  // namespace kw::api
