// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace kw::residency {

// Needle is one form in which a secret would be seen.
struct Needle {
  std::string form;
  std::string bytes;
};

// The forms of a secret number or string, or of its first 32 bytes, which stand wherever the whole
// stands: as it is and each half of it, in reverse (a little-endian number) and
// with its words in reverse, as hex, as base64 at any place of a longer text, and as HMAC's inner
// and outer block begin. An expanded AES key begins with the key.
std::vector<Needle> needles_of(const std::string& name, const std::string& value);

struct Scan {
  std::vector<std::string> found;  // forms, each once
  std::size_t bytes = 0;           // how many were looked at
  bool was_allowed = true;         // to read the process
};

// Every readable mapping of a running process, byte by byte.
Scan scan_process(pid_t process, const std::vector<Needle>& needles);
// Every file below a folder, but for those in `left_out`.
Scan scan_files(const std::filesystem::path& folder, const std::vector<Needle>& needles,
                const std::filesystem::path& left_out = {});

// Works in this thread, again and again, while another one looks: how many times.
int work_during(const std::function<void(const std::stop_token&)>& look,
                const std::function<void()>& work);

// Five scans of a process, for a service that must show nothing; a hundred in the long form.
std::vector<Scan> scan_again_and_again(pid_t process, const std::vector<Needle>& needles,
                                       const std::stop_token& stop);

// The forms that several scans of a token's process found, which has a key in the clear only while
// the key is used: until they are enough, or in ten minutes.
std::set<std::string> scan_until(pid_t process, const std::vector<Needle>& needles,
                                 const std::function<bool(const std::set<std::string>&)>& is_enough,
                                 const std::stop_token& stop);

}  // namespace kw::residency
