// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/scan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/bytes.h"
#include "base/clock.h"
#include "tests/whole/client.h"

namespace kw::residency {
namespace {

constexpr std::size_t kPart = 1 << 20;
constexpr std::size_t kOverlap = 256;  // longer than any needle
constexpr std::size_t kPartOfAValue = 32;

std::string with_each(std::string text, int mask) {
  for (char& each : text) each = static_cast<char>(each ^ mask);
  return text;
}

// The bytes of each run of so many, in reverse.
std::string turned(std::string text, std::ptrdiff_t run) {
  for (auto at = text.begin(); text.end() - at >= run; at += run) std::reverse(at, at + run);
  return text;
}

// What base64 of a text shows of a value that stands so many bytes behind a multiple of three: the
// signs that depend on its neighbours are left out.
std::string base64_behind(std::size_t before, const std::string& value) {
  const std::string whole = whole::base64(std::string(before, '\0') + value);
  const std::size_t first = before == 0 ? 0 : before + 1;
  const std::size_t end = (before + value.size()) * 8 / 6;
  return whole.substr(first, end - first);
}

// Finder looks for all needles at once: most places begin none.
class Finder {
 public:
  explicit Finder(const std::vector<Needle>& needles) : begun_(kBeginnings) {
    for (const Needle& each : needles) begun_[beginning(each.bytes.data())].push_back(&each);
    for (std::size_t i = 0; i < kBeginnings; ++i) begins_[i] = !begun_[i].empty();
  }

  void look(std::string_view text, Scan& scan) const {
    for (std::size_t at = 0; at + 1 < text.size(); ++at) {
      const std::size_t found = beginning(text.data() + at);
      if (begins_[found]) compare(text.substr(at), begun_[found], scan);
    }
  }

 private:
  static constexpr std::size_t kBeginnings = 1 << 16;  // two bytes

  static std::size_t beginning(const char* at) {
    std::uint16_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  static void compare(std::string_view text, const std::vector<const Needle*>& needles,
                      Scan& scan) {
    for (const Needle* const each : needles) {
      if (!text.starts_with(each->bytes)) continue;
      if (std::ranges::find(scan.found, each->form) == scan.found.end()) {
        scan.found.push_back(each->form);
      }
    }
  }

  std::bitset<kBeginnings> begins_;
  std::vector<std::vector<const Needle*>> begun_;
};

// Parts that overlap, so that nothing hides at their edge. What cannot be read is none of the
// process's memory any more.
void scan_range(int memory, std::uint64_t begin, std::uint64_t end, const Finder& finder,
                Scan& scan) {
  std::string part(kPart, '\0');
  for (std::uint64_t at = begin; at < end;) {
    const std::size_t wanted = std::min<std::uint64_t>(kPart, end - at);
    const ssize_t got = ::pread(memory, part.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) return;
    finder.look(std::string_view(part).substr(0, static_cast<std::size_t>(got)), scan);
    scan.bytes += static_cast<std::size_t>(got);
    if (at + static_cast<std::uint64_t>(got) >= end) return;
    at += std::max<std::uint64_t>(static_cast<std::uint64_t>(got), kOverlap + 1) - kOverlap;
  }
}

}  // namespace

std::vector<Needle> needles_of(const std::string& name, const std::string& whole_value) {
  const std::string value = whole_value.substr(0, kPartOfAValue);
  const std::size_t half = value.size() / 2;
  KW_ASSERT(half >= 8);  // nothing shorter is found for its own sake
  const std::string hex = to_hex(as_bytes(value));
  std::string upper = hex;
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char each) { return std::toupper(each); });
  std::vector<Needle> all = {{name + ", raw", value},
                             {name + ", first half", value.substr(0, half)},
                             {name + ", second half", value.substr(half)},
                             {name + ", reversed", std::string(value.rbegin(), value.rend())},
                             {name + ", words of 4 reversed", turned(value, 4)},
                             {name + ", words of 8 reversed", turned(value, 8)},
                             {name + ", hex", hex},
                             {name + ", HEX", upper},
                             {name + ", inner block", with_each(value, 0x36)},
                             {name + ", outer block", with_each(value, 0x5c)}};
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string base64 = base64_behind(before, value);
    std::string url = base64;
    std::ranges::replace(url, '+', '-');
    std::ranges::replace(url, '/', '_');
    const std::string where = " at " + std::to_string(before);
    all.push_back({name + ", base64" + where, base64});
    all.push_back({name + ", base64url" + where, url});
  }
  return all;
}

Scan scan_process(pid_t process, const std::vector<Needle>& needles) {
  const std::string folder = "/proc/" + std::to_string(process);
  const Finder finder(needles);
  Scan scan;
  const int memory = ::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  std::ifstream maps(folder + "/maps");
  scan.was_allowed = memory >= 0 && maps.is_open();
  for (std::string line; scan.was_allowed && std::getline(maps, line);) {
    char* after = nullptr;
    const std::uint64_t begin = std::strtoull(line.c_str(), &after, 16);
    const std::uint64_t end = std::strtoull(after + 1, &after, 16);
    if (after[1] == 'r') scan_range(memory, begin, end, finder, scan);
  }
  if (memory >= 0) ::close(memory);
  return scan;
}

Scan scan_files(const std::filesystem::path& folder, const std::vector<Needle>& needles,
                const std::filesystem::path& left_out) {
  const Finder finder(needles);
  Scan scan;
  for (std::filesystem::recursive_directory_iterator at(folder), end; at != end; ++at) {
    if (at->path() == left_out) at.disable_recursion_pending();
    if (!at->is_regular_file()) continue;
    std::ifstream stream(at->path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    finder.look(text, scan);
    scan.bytes += text.size();
  }
  return scan;
}

std::vector<Scan> scan_again_and_again(pid_t process, const std::vector<Needle>& needles,
                                       const std::stop_token& stop) {
  const std::size_t wanted = std::getenv("KEYWARD_RESIDENCY_CALLS") != nullptr ? 100 : 5;
  std::vector<Scan> scans;
  while (scans.size() < wanted && !stop.stop_requested()) {
    scans.push_back(scan_process(process, needles));
  }
  return scans;
}

std::set<std::string> scan_until(pid_t process, const std::vector<Needle>& needles,
                                 const std::function<bool(const std::set<std::string>&)>& is_enough,
                                 const std::stop_token& stop) {
  const Deadline bound = deadline_in(std::chrono::seconds(600));
  std::set<std::string> found;
  while (!is_enough(found) && !has_passed(bound) && !stop.stop_requested()) {
    const Scan scan = scan_process(process, needles);
    if (!scan.was_allowed) break;
    found.insert(scan.found.begin(), scan.found.end());
  }
  return found;
}

int work_during(const std::function<void(const std::stop_token&)>& look,
                const std::function<void()>& work) {
  std::atomic<bool> is_over = false;
  const std::jthread looker([&](const std::stop_token& stop) {
    look(stop);
    is_over = true;
  });
  int rounds = 0;
  for (; !is_over; ++rounds) work();
  return rounds;
}

}  // namespace kw::residency
