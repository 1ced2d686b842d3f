// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "service/http/request.h"
#include "service/telemetry/page.h"

namespace kw::core {
class Backend;
}

namespace kw::app {

// Scrape answers what may be asked without a certificate: /metrics, /healthz and /readyz. A page
// serves every scrape of the next moment, so that a flood of them costs little. Never blocks on the
// token. For one thread.
class Scrape {
 public:
  // Writes all families on a fresh page.
  using Describe = std::function<void(telemetry::Page&)>;

  // `backend`, and what `describe` reads, must outlive it.
  Scrape(const core::Backend& backend, Describe describe)
      : backend_(backend), describe_(std::move(describe)) {}

  http::Reply answer(const http::Request& request);

 private:
  http::Reply metrics();

  const core::Backend& backend_;
  const Describe describe_;
  std::string text_;
  Deadline good_until_;
};

}  // namespace kw::app
