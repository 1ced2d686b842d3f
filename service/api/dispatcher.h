// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "service/api/request_meter.h"
#include "service/http/request.h"

namespace kw::core {
class Backend;
class Executors;
}  // namespace kw::core

namespace kw::api {

// Dispatcher takes a request on its event loop, reads it, hands it to an executor, and answers when
// the record is durable; a batch, which takes long to read, is read by the executor. Health, whoami
// and the API's description need no door and are answered at once. What the queue has no room or no
// time for is 503 with Retry-After, and 429 where the caller's own requests fill it; a token that
// does not answer in time is 503, but for a state change, which is 504. Thread-safe; what it is
// given must outlive it.
class Dispatcher {
 public:
  Dispatcher(core::Backend& backend, core::Executors& executors)
      : backend_(backend), executors_(executors) {}

  http::Overdue dispatch(http::Request request, http::Respond respond);

  const RequestMeter& meter() const noexcept { return meter_; }

 private:
  core::Backend& backend_;
  core::Executors& executors_;
  RequestMeter meter_;
};

}  // namespace kw::api
