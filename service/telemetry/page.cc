// SPDX-License-Identifier: Apache-2.0
#include "service/telemetry/page.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "base/result.h"

namespace kw::telemetry {
namespace {

constexpr double kNanosecond = 1e-9;
constexpr double kMicrosecond = 1e-6;

prometheus::MetricFamily family(std::string_view name, std::string_view help,
                                prometheus::MetricType type) {
  return {std::string(name), std::string(help), type, {}};
}

prometheus::ClientMetric series(Labels labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) {
    metric.label.push_back({std::string(name), std::string(value)});
  }
  return metric;
}

prometheus::ClientMetric::Histogram histogram_of(const Distribution& distribution, double unit) {
  prometheus::ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < distribution.bounds.size(); ++i) {
    histogram.sample_count += distribution.counts[i];
    histogram.bucket.push_back(
        {histogram.sample_count, static_cast<double>(distribution.bounds[i]) * unit});
  }
  histogram.sample_count += distribution.counts.back();
  histogram.sample_sum = static_cast<double>(distribution.sum) * unit;
  return histogram;
}

}  // namespace

Page::Page() = default;
Page::~Page() = default;
Page::Page(Page&&) noexcept = default;
Page& Page::operator=(Page&&) noexcept = default;

Page& Page::counter(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Counter));
  return *this;
}

Page& Page::gauge(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Gauge));
  return *this;
}

Page& Page::histogram(std::string_view name, std::string_view help) {
  families_.push_back(family(name, help, prometheus::MetricType::Histogram));
  return *this;
}

Page& Page::value(double value, Labels labels) {
  prometheus::MetricFamily& family = families_.back();
  KW_ASSERT(family.type != prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric = series(labels);
  metric.counter.value = metric.gauge.value = value;  // the family's type says which is read
  family.metric.push_back(std::move(metric));
  return *this;
}

Page& Page::value(const Counter& counter, Labels labels) {
  return value(static_cast<double>(counter.value()), labels);
}

Page& Page::value(WallTime time, Labels labels) {
  return value(static_cast<double>(time.time_since_epoch().count()) * kMicrosecond, labels);
}

Page& Page::value(const Distribution& distribution, double unit, Labels labels) {
  prometheus::MetricFamily& family = families_.back();
  KW_ASSERT(family.type == prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric = series(labels);
  metric.histogram = histogram_of(distribution, unit);
  family.metric.push_back(std::move(metric));
  return *this;
}

Page& Page::value(const Latency& latency, Labels labels) {
  return value(latency.read(), kNanosecond, labels);
}

std::string Page::text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace kw::telemetry
