// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace kw::audit_read {

// A moment in microseconds since 1970-01-01T00:00:00Z from what a person writes: a date and time of
// RFC 3339, section 5.6 ("2026-01-01T00:00:00Z"; digits behind the sixth of a second are dropped),
// or an age before `now` ("90s", "15m", "24h", "7d", "2w"). An age from before 1970 is 1970. None
// if it is neither, or is a leap second, which the log's clock does not have.
std::optional<std::uint64_t> parse_moment(std::string_view text, WallTime now);

}  // namespace kw::audit_read
