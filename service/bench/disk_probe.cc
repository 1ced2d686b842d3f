// SPDX-License-Identifier: Apache-2.0
#include "service/bench/disk_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "base/file.h"

namespace kw::bench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 256;

Error refused(const char* step) {
  return Error(Code::Unavailable, std::string("probing the disk: ") + step + ": " +
                                      std::generic_category().message(errno));
}

Result<void> write_page(int fd, std::size_t number, std::uint8_t value) {
  const Bytes page(kPage, value);
  const ssize_t put = ::pwrite(fd, page.data(), page.size(), static_cast<off_t>(number * kPage));
  if (put != static_cast<ssize_t>(page.size())) return refused("write");
  return {};
}

}  // namespace

Result<Sample> probe_disk(const std::filesystem::path& folder, Clock::duration span,
                          Clock::duration rest) {
  // It has no name: it is gone with its descriptor.
  const FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.is_open()) return refused("open");
  for (std::size_t page = 0; page < kPages; ++page) TRY(write_page(file.get(), page, 0));
  if (::fsync(file.get()) != 0) return refused("fsync");
  Meter meter(span, [] { return Cost(); });
  for (std::size_t page = 0; !meter.is_full(); page = (page + 1) % kPages) {
    if (rest > Clock::duration::zero()) std::this_thread::sleep_for(rest);
    TRY(write_page(file.get(), page, 1));
    const auto start = Clock::now();
    if (::fdatasync(file.get()) != 0) return refused("fdatasync");
    meter.call_ended(start, Clock::now());
  }
  return Meter::sample({&meter, 1});
}

}  // namespace kw::bench
