// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "base/meter.h"

namespace kw::audit {

inline constexpr std::array<std::uint64_t, 11> kBatchBounds = {1,  2,   4,   8,   16,  32,
                                                               64, 128, 256, 512, 1024};

// LogMeter is what a log counts since it was opened. Safe for concurrent use.
struct LogMeter {
  Counter appended;
  Counter durable;
  Counter troubles;               // times in which no answer was given free
  Counter withheld;               // records whose answers were refused then
  Counter refused;                // records that got no place
  Latency commit;                 // write and fdatasync of one batch, those that failed too
  Histogram<kBatchBounds> batch;  // records that one fdatasync made durable
};

// LogState is what becomes of an append: it is taken; it is refused until writing works again; it
// is refused for good.
enum class LogState : std::uint8_t { Open, Blocked, Dead };

// LogReading is how a log and its disk are at a moment.
struct LogReading {
  LogState state = LogState::Open;
  std::size_t undurable_bytes = 0;
  std::uintmax_t disk_free_bytes = 0;  // for this process; 0 where the disk cannot be asked
  std::uintmax_t disk_bytes = 0;
};

}  // namespace kw::audit
