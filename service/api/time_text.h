// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"

namespace kw::api {

// RFC 3339 in UTC, to the second: "2026-11-24T05:00:00Z".
std::string time_text(WallTime time);

}  // namespace kw::api
