// SPDX-License-Identifier: Apache-2.0
#include "shim/tally.h"

#include "shim/record.h"

namespace kw::shim {

Tally& Tally::get() {
  static Tally* const kTally = new Tally;
  return *kTally;
}

bool Tally::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  flush_locked();
  path_ = path;
  return path_.empty() || append_to(path_, "");
}

bool Tally::is_open() {
  const std::lock_guard lock(mutex_);
  return !path_.empty();
}

void Tally::add(const std::string& line) {
  const std::lock_guard lock(mutex_);
  ++counts_[line];
}

void Tally::flush() {
  const std::lock_guard lock(mutex_);
  flush_locked();
}

void Tally::flush_locked() {
  std::string text;
  for (const auto& [line, count] : counts_) {
    text.append(std::to_string(count)).append(" ").append(line).append("\n");
  }
  if (!text.empty()) append_to(path_, text);
  counts_.clear();
}

}  // namespace kw::shim
