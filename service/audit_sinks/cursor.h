// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace kw::audit_sinks {

// Cursor is how far a sink came, in a file: what a sink gets again after a restart starts there.
// For one thread.
class Cursor {
 public:
  // Reads "NAME.cursor" in `folder`, or makes it: a new sink begins with the record `end`, and one
  // that was beyond it too. Errors: InvalidArgument (no cursor), Unavailable.
  static Result<Cursor> open(const std::filesystem::path& folder, const std::string& name,
                             std::uint64_t end);

  std::uint64_t index() const noexcept { return index_; }

  // Writes it durably, at most once a second unless it is `now`. Errors: Unavailable.
  enum class When { Due, Now };
  Result<void> move_to(std::uint64_t index, When when);

 private:
  Cursor(std::filesystem::path path, std::uint64_t index) : path_(std::move(path)), index_(index) {}

  std::filesystem::path path_;
  std::uint64_t index_;
  Deadline due_ = Clock::now();
};

}  // namespace kw::audit_sinks
