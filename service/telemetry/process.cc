// SPDX-License-Identifier: Apache-2.0
#include "service/telemetry/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/file.h"

namespace kw::telemetry {
namespace {

constexpr std::size_t kMostText = 4096;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

Result<double> count_descriptors() {
  std::error_code failure;
  double count = -1;  // the folder's own, which is open while it is read
  for (std::filesystem::directory_iterator entry("/proc/self/fd", failure), end;
       !failure && entry != end; entry.increment(failure)) {
    ++count;
  }
  if (failure) return Error(Code::Unavailable, "/proc/self/fd: " + failure.message());
  return count;
}

}  // namespace

Result<double> parse_resident_pages(std::string_view statm) {
  const std::size_t space = statm.find(' ');
  const std::string_view rest = space == statm.npos ? statm.substr(0, 0) : statm.substr(space + 1);
  std::uint64_t pages = 0;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), pages);
  if (failure != std::errc() || end == rest.data() + rest.size() || *end != ' ') {
    return Error(Code::InvalidArgument, "statm: expected the resident pages in second place");
  }
  return static_cast<double>(pages);
}

Result<ProcessUse> read_process_use() {
  ProcessUse use;
  const std::string statm = TRY(read_file("/proc/self/statm", kMostText));
  use.resident_bytes =
      TRY(parse_resident_pages(statm)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  use.open_descriptors = TRY(count_descriptors());
  rusage usage{};
  rlimit limit{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Error(Code::Unavailable, "getrusage or getrlimit failed");
  }
  use.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  use.most_descriptors = static_cast<double>(limit.rlim_cur);
  return use;
}

void describe_process(Page& page, WallTime started) {
  page.gauge("process_start_time_seconds", "When the process began, in seconds since 1970.")
      .value(started);
  const Result<ProcessUse> use = read_process_use();
  if (!use) return;
  page.counter("process_cpu_seconds_total", "Processor time spent, user and system.")
      .value(use->cpu_seconds);
  page.gauge("process_resident_memory_bytes", "Memory in use.").value(use->resident_bytes);
  page.gauge("process_open_fds", "Open file descriptors.").value(use->open_descriptors);
  page.gauge("process_max_fds", "How many file descriptors may be open.")
      .value(use->most_descriptors);
}

}  // namespace kw::telemetry
