// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/meter.h"

namespace prometheus {
struct MetricFamily;
}

namespace kw::telemetry {

// The names and values that tell one series of a family from the others. Values come from closed
// lists of the program: never a caller, a key's name or any other text from outside.
using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Page is one scrape: the rooms write their numbers on it one family after the other, then it
// becomes text. For one thread.
class Page {
 public:
  Page();
  ~Page();
  Page(Page&&) noexcept;
  Page& operator=(Page&&) noexcept;

  // Begins a family; the values that follow belong to it. A counter's name ends in _total, every
  // name but a plain number's in its base unit.
  Page& counter(std::string_view name, std::string_view help);
  Page& gauge(std::string_view name, std::string_view help);
  Page& histogram(std::string_view name, std::string_view help);

  Page& value(double value, Labels labels = {});
  Page& value(const Counter& counter, Labels labels = {});
  Page& value(WallTime time, Labels labels = {});  // in seconds since 1970

  // `unit` is what one of the distribution's numbers is in the family's unit.
  Page& value(const Distribution& distribution, double unit, Labels labels = {});
  Page& value(const Latency& latency, Labels labels = {});  // in seconds

  // The text exposition format, version 0.0.4.
  std::string text() const;

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace kw::telemetry
