// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/meter.h"

namespace kw::audit_sinks {

// SinkMeter is what a sink counts since the service began. Safe for concurrent use.
struct SinkMeter {
  Counter sent;      // records, those that were sent again too
  Counter failures;  // connections that could not be made, or broke
  Counter missed;    // records that no segment held any more
  std::atomic<bool> is_connected = false;
  std::atomic<std::uint64_t> place = 0;  // the records below it were sent
};

// SinkReading is how a sink is at a moment.
struct SinkReading {
  std::string name;
  bool is_required = false;
  std::uint64_t behind = 0;          // durable records that it does not have
  const SinkMeter* meter = nullptr;  // lives as long as the sinks
};

}  // namespace kw::audit_sinks
