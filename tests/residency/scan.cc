// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/scan.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>

#include "base/bytes.h"
#include "tests/whole/client.h"

namespace kw::residency {
namespace {

constexpr std::size_t kPart = 1 << 20;
constexpr std::size_t kOverlap = 256;  // longer than any needle

std::string with_each(std::string text, int mask) {
  for (char& each : text) each = static_cast<char>(each ^ mask);
  return text;
}

void look(std::string_view text, const std::vector<Needle>& needles, Scan& scan) {
  for (const Needle& needle : needles) {
    if (std::ranges::find(scan.found, needle.form) != scan.found.end()) continue;
    if (::memmem(text.data(), text.size(), needle.bytes.data(), needle.bytes.size()) != nullptr) {
      scan.found.push_back(needle.form);
    }
  }
}

// Parts that overlap, so that nothing hides at their edge. What cannot be read is none of the
// process's memory any more.
void scan_range(int memory, std::uint64_t begin, std::uint64_t end,
                const std::vector<Needle>& needles, Scan& scan) {
  std::string part(kPart, '\0');
  for (std::uint64_t at = begin; at < end;) {
    const std::size_t wanted = std::min<std::uint64_t>(kPart, end - at);
    const ssize_t got = ::pread(memory, part.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) return;
    look(std::string_view(part).substr(0, static_cast<std::size_t>(got)), needles, scan);
    scan.bytes += static_cast<std::size_t>(got);
    if (at + static_cast<std::uint64_t>(got) >= end) return;
    at += std::max<std::uint64_t>(static_cast<std::uint64_t>(got), kOverlap + 1) - kOverlap;
  }
}

}  // namespace

std::vector<Needle> needles_of(const std::string& name, const std::string& value) {
  const std::string hex = to_hex(as_bytes(value));
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char each) { return std::toupper(each); });
  std::string base64 = whole::base64(value);
  base64.resize(base64.size() - 2);  // the last sign but the padding depends on what follows
  std::string url = base64;
  std::ranges::replace(url, '+', '-');
  std::ranges::replace(url, '/', '_');
  return {{name + ", raw", value},
          {name + ", reversed", std::string(value.rbegin(), value.rend())},
          {name + ", hex", hex},
          {name + ", HEX", upper},
          {name + ", base64", base64},
          {name + ", base64url", url},
          {name + ", inner block", with_each(value, 0x36)},
          {name + ", outer block", with_each(value, 0x5c)}};
}

Scan scan_process(pid_t process, const std::vector<Needle>& needles) {
  const std::string folder = "/proc/" + std::to_string(process);
  Scan scan;
  const int memory = ::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  std::ifstream maps(folder + "/maps");
  scan.was_allowed = memory >= 0 && maps.is_open();
  for (std::string line; scan.was_allowed && std::getline(maps, line);) {
    char* after = nullptr;
    const std::uint64_t begin = std::strtoull(line.c_str(), &after, 16);
    const std::uint64_t end = std::strtoull(after + 1, &after, 16);
    if (after[1] == 'r') scan_range(memory, begin, end, needles, scan);
  }
  if (memory >= 0) ::close(memory);
  return scan;
}

Scan scan_files(const std::filesystem::path& folder, const std::vector<Needle>& needles) {
  Scan scan;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    look(text, needles, scan);
    scan.bytes += text.size();
  }
  return scan;
}

}  // namespace kw::residency
