// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kw::audit_verify {

// Folders are where a log lies: the folder that the service writes to, and those that its older
// segments were moved to.
struct Folders {
  Folders(std::filesystem::path log_folder, std::vector<std::filesystem::path> older = {})
      : log(std::move(log_folder)), archives(std::move(older)) {}

  std::filesystem::path log;
  std::vector<std::filesystem::path> archives;
};

// Segment is one file of a log.
struct Segment {
  std::filesystem::path path;
  std::uint64_t first_index = 0;  // by its name
  bool is_compressed = false;     // gzip: *.kwa.gz
};

// All segments of a log in the order of their records; other files are left out. Errors: NotFound
// (no such folder), FailedPrecondition (two files for one segment), Unavailable.
Result<std::vector<Segment>> list_segments(const Folders& folders);

// The name of a segment that is not compressed.
std::string name_of_segment(std::uint64_t first_index);

}  // namespace kw::audit_verify
