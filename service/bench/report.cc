// SPDX-License-Identifier: Apache-2.0
#include "service/bench/report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace kw::bench {
namespace {

using Json = nlohmann::ordered_json;

// Summary is a line's rounds in one.
struct Summary {
  Sample raw;
  Sample service;
  double ratio;
  double lowest;
  double highest;
  double of_fastest;  // the fastest service round over the fastest raw one
};

double fastest(const std::vector<Sample>& samples) {
  return std::ranges::max_element(samples, {}, &Sample::per_second)->per_second;
}

Summary summary_of(const Line& line) {
  std::vector<Sample> raw;
  std::vector<Sample> service;
  std::vector<double> ratios;
  for (const Round& round : line.rounds) {
    raw.push_back(round.raw);
    service.push_back(round.service);
    ratios.push_back(round.ratio());
  }
  const auto [lowest, highest] = std::ranges::minmax_element(ratios);
  return {median_of(raw), median_of(service), median(ratios),
          *lowest,        *highest,           fastest(service) / fastest(raw)};
}

template <typename... Values>
std::string print(const char* format, Values... values) {
  char text[256];
  const int size = std::snprintf(text, sizeof(text), format, values...);
  return {text, std::min(static_cast<std::size_t>(size), sizeof(text) - 1)};
}

std::string head_of(const Report& report) {
  const Sample disk = median_of(report.disk);
  return print("%u cores, %s, folder on %s\n", report.cores, report.module.c_str(),
               report.file_system.c_str()) +
         print("disk: fdatasync p50 %.2f ms, p99 %.2f ms\n", disk.p50_us / 1e3, disk.p99_us / 1e3) +
         print("medians of %zu rounds, %.2g s a figure\n\n", report.rounds, report.slice.count());
}

std::string line_of(const Line& line) {
  const Summary summary = summary_of(line);
  const Sample& service = summary.service;
  const Sample& raw = summary.raw;
  return print("%-13s %5zu %8.0f %8.2f %8.2f %7.0f %7.0f", row_of(line.operation).name.data(),
               line.connections, service.per_second, service.p50_us / 1e3, service.p99_us / 1e3,
               service.cpu_us, service.client_cpu_us) +
         print("  | %3zu %8.0f %7.0f %7.0f %7.0f", line.raw_threads, raw.per_second, raw.p50_us,
               raw.p99_us, raw.cpu_us) +
         print("  | %6.3f %8.3f  %.3f-%.3f\n", summary.ratio, summary.of_fastest, summary.lowest,
               summary.highest);
}

Json json_of(const Sample& sample) {
  return {{"calls", sample.calls},
          {"per_second", sample.per_second},
          {"p50_us", sample.p50_us},
          {"p99_us", sample.p99_us},
          {"cpu_us", sample.cpu_us}};
}

Json json_of(const Line& line) {
  const Summary summary = summary_of(line);
  Json service = json_of(summary.service);
  service["client_cpu_us"] = summary.service.client_cpu_us;
  Json raw = json_of(summary.raw);
  raw["threads"] = line.raw_threads;
  return {{"operation", row_of(line.operation).name},
          {"algorithm", row_of(line.operation).algorithm},
          {"connections", line.connections},
          {"service", std::move(service)},
          {"raw", std::move(raw)},
          {"ratio", summary.ratio},
          {"ratio_of_fastest", summary.of_fastest},
          {"ratio_lowest", summary.lowest},
          {"ratio_highest", summary.highest}};
}

}  // namespace

std::string to_table(const Report& report) {
  std::string text = head_of(report);
  text +=
      "                    through HTTPS, policy and durable audit     | raw token calls          "
      "         | through HTTPS / raw\n"
      "operation     conns    per s   p50 ms   p99 ms  CPU us  client  | thr    per s  p50 us  "
      "p99 us  CPU us  | median  fastest  lowest-highest\n";
  for (const Line& line : report.lines) text += line_of(line);
  return text;
}

std::string to_json(const Report& report) {
  const Sample disk = median_of(report.disk);
  Json lines = Json::array();
  for (const Line& line : report.lines) lines.push_back(json_of(line));
  const Json whole = {
      {"cores", report.cores},
      {"module", report.module},
      {"file_system", report.file_system},
      {"rounds", report.rounds},
      {"slice_seconds", report.slice.count()},
      {"fdatasync", {{"calls", disk.calls}, {"p50_us", disk.p50_us}, {"p99_us", disk.p99_us}}},
      {"lines", std::move(lines)}};
  return whole.dump(2) + "\n";
}

}  // namespace kw::bench
