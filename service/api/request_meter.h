// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "base/meter.h"
#include "base/result.h"
#include "service/api/routes.h"

namespace kw::telemetry {
class Page;
}

namespace kw::api {

// In the order of Code.
inline constexpr std::array kCodes = {
    Code::InvalidArgument, Code::Unauthenticated, Code::PermissionDenied,
    Code::NotFound,        Code::AlreadyExists,   Code::FailedPrecondition,
    Code::Aborted,         Code::PayloadTooLarge, Code::ResourceExhausted,
    Code::Unimplemented,   Code::Unavailable,     Code::DeadlineExceeded,
    Code::Internal};

// RequestMeter counts the requests of proven callers by operation and by what they were answered.
// Several routes may be one operation. Safe for concurrent use.
class RequestMeter {
 public:
  // Place is where one operation is counted.
  enum class Place : std::size_t { Unknown = 0 };

  RequestMeter();

  // The place of a route's operation; of none, the place of requests that are no call.
  Place place_of(const Route* route) const noexcept;

  // One request was answered, with this failure or well.
  void note(Place place, std::optional<Code> failure, Clock::duration took) noexcept;

  void describe(telemetry::Page& page) const;

 private:
  struct Operation {
    std::string_view name;
    Counter ok;
    std::array<Counter, kCodes.size()> failed;
    Latency latency;
  };

  std::vector<std::size_t> places_;  // one for each route
  std::deque<Operation> operations_;
};

}  // namespace kw::api
