// SPDX-License-Identifier: Apache-2.0
#include "tests/support/log_files.h"

#include <algorithm>
#include <cstdio>

#include "base/file.h"
#include "service/audit/chain.h"
#include "service/audit/segment.h"
#include "tests/support/expect.h"

namespace kw::test {

LogFiles log_files_of(const std::filesystem::path& folder) {
  LogFiles files;
  for (const auto& path : REQUIRE_OK(audit::list_segments(folder))) {
    files[path.filename().string()] = REQUIRE_OK(read_file(path));
  }
  return files;
}

std::vector<std::size_t> ends_of_records(const std::string& segment) {
  std::vector<std::size_t> ends{audit::kSegmentHeader};
  while (ends.back() < segment.size()) {
    ends.push_back(ends.back() + audit::kFrameHeader +
                   read_u32(as_bytes(segment).subspan(ends.back())));
  }
  return ends;
}

bool is_prefix_of_whole_records(const LogFiles& original, const LogFiles& mutant) {
  if (original.size() != mutant.size()) return false;
  const auto& [last_name, last] = *original.rbegin();
  for (const auto& [name, content] : mutant) {
    const auto found = original.find(name);
    if (found == original.end()) return false;
    if (name != last_name && content != found->second) return false;
  }
  const std::string& cut = mutant.rbegin()->second;
  const auto ends = ends_of_records(last);
  return std::any_of(ends.begin(), ends.end(), [&](std::size_t end) {
    return cut.size() >= end && cut.compare(0, end, last, 0, end) == 0 &&
           cut.find_first_not_of('\0', end) == std::string::npos;
  });
}

void lay_out(const std::filesystem::path& folder, const LogFiles& before, const LogFiles& after) {
  for (const auto& [name, content] : before) {
    if (!after.contains(name)) std::filesystem::remove(folder / name);
  }
  for (const auto& [name, content] : after) {
    const auto there = before.find(name);
    if (there != before.end() && there->second == content) continue;
    std::FILE* file = std::fopen((folder / name).c_str(), "wb");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(content.data(), 1, content.size(), file) == content.size());
    REQUIRE(std::fclose(file) == 0);
  }
}

}  // namespace kw::test
