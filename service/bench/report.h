// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "service/bench/operation.h"
#include "service/bench/sample.h"

namespace kw::bench {

// Round is one operation measured twice, one right after the other.
struct Round {
  Sample raw;
  Sample service;

  double ratio() const noexcept {
    return raw.per_second > 0 ? service.per_second / raw.per_second : 0;
  }
};

// Line is one operation at one number of connections.
struct Line {
  Operation operation;
  std::size_t connections;
  std::size_t raw_threads;
  std::vector<Round> rounds;
};

// Report is what one run of the benchmark found.
struct Report {
  unsigned cores = 0;
  std::string module;
  std::string file_system;
  std::size_t rounds = 0;
  Seconds slice{};
  std::vector<Sample> disk;
  std::vector<Line> lines;
};

// For people. What is shown are medians over the rounds.
std::string to_table(const Report& report);

// For programs: one object, times in microseconds, ends with a newline.
std::string to_json(const Report& report);

}  // namespace kw::bench
