// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace kw::residency {

// Needle is one form in which a secret would be seen.
struct Needle {
  std::string form;
  std::string bytes;
};

// A key of 32 bytes: itself, its bytes in reverse, as hex and base64, and as HMAC's inner and outer
// block begin.
std::vector<Needle> needles_of(const std::string& name, const std::string& value);

struct Scan {
  std::vector<std::string> found;  // forms, each once
  std::size_t bytes = 0;           // how many were looked at
  bool was_allowed = true;         // to read the process
};

// Every readable mapping of a running process, byte by byte.
Scan scan_process(pid_t process, const std::vector<Needle>& needles);
// Every file below a folder.
Scan scan_files(const std::filesystem::path& folder, const std::vector<Needle>& needles);

}  // namespace kw::residency
