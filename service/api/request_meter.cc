// SPDX-License-Identifier: Apache-2.0
#include "service/api/request_meter.h"

#include <algorithm>

#include "service/http/problem.h"
#include "service/telemetry/page.h"

namespace kw::api {

RequestMeter::RequestMeter() {
  operations_.emplace_back().name = "unknown";
  for (const Route& route : routes()) {
    auto at = std::find_if(operations_.begin(), operations_.end(), [&](const Operation& operation) {
      return operation.name == route.operation;
    });
    if (at == operations_.end()) {
      operations_.emplace_back().name = route.operation;
      at = std::prev(operations_.end());
    }
    places_.push_back(static_cast<std::size_t>(at - operations_.begin()));
  }
}

RequestMeter::Place RequestMeter::place_of(const Route* route) const noexcept {
  if (route == nullptr) return Place::Unknown;
  return Place{places_[static_cast<std::size_t>(route - routes().data())]};
}

void RequestMeter::note(Place place, std::optional<Code> failure, Clock::duration took) noexcept {
  Operation& operation = operations_[static_cast<std::size_t>(place)];
  (failure ? operation.failed[static_cast<std::size_t>(*failure)] : operation.ok).add();
  operation.latency.observe(took);
}

void RequestMeter::describe(telemetry::Page& page) const {
  page.counter("keyward_requests_total", "Requests of proven callers, by what was answered.");
  for (const Operation& operation : operations_) {
    page.value(operation.ok, {{"operation", operation.name}, {"code", "ok"}});
    for (const Code code : kCodes) {
      page.value(operation.failed[static_cast<std::size_t>(code)],
                 {{"operation", operation.name}, {"code", name_of(code)}});
    }
  }
  page.histogram(
      "keyward_request_duration_seconds",
      "Time from a request's last byte to its answer, which its durable record precedes.");
  for (const Operation& operation : operations_) {
    page.value(operation.latency, {{"operation", operation.name}});
  }
}

}  // namespace kw::api
