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

}  // namespace kw::api
