// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace kw::test {

// LogFiles is an audit log's segments, by name, as bytes that a test may change.
using LogFiles = std::map<std::string, std::string>;

LogFiles log_files_of(const std::filesystem::path& folder);

// Where a whole record ends, in a whole segment: the header's end first, then each record's.
std::vector<std::size_t> ends_of_records(const std::string& segment);

// Whether `mutant` lost whole records at the very end and nothing else, with or without zeros
// behind: without a checkpoint that is a good log.
bool is_prefix_of_whole_records(const LogFiles& original, const LogFiles& mutant);

// Makes `folder`, which holds `before`, hold `after`.
void lay_out(const std::filesystem::path& folder, const LogFiles& before, const LogFiles& after);

}  // namespace kw::test
