// SPDX-License-Identifier: Apache-2.0
#include "service/core/pin_latch.h"

#include <ctime>

#include "base/clock.h"
#include "base/file.h"

namespace kw::core {
namespace {

constexpr unsigned kLatchMode = 0640;

std::string utc_text(WallTime when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, size};
}

// One line for each thing that a person has to know; what a token says of itself is no line break.
std::string printable(std::string text) {
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

PinLatch PinLatch::beside(const std::filesystem::path& catalog) {
  return PinLatch(catalog.string() + ".pin-refused");
}

Result<bool> PinLatch::stands() const {
  std::error_code failure;
  const std::filesystem::file_status status = std::filesystem::symlink_status(file_, failure);
  if (status.type() == std::filesystem::file_type::not_found) return false;
  if (failure) return Error(Code::Unavailable, file_.string() + ": " + failure.message());
  return true;
}

Result<void> PinLatch::set(const std::string& token, const Error& error) const {
  return write_file(file_,
                    "The token refused the PIN. It is not tried again while this file stands.\n"
                    "when: " +
                        utc_text(wall_now()) + "\ntoken: " + printable(token) +
                        "\nanswer: " + printable(error.detail()) +
                        "\nlift: keyward token unlatch --config FILE, once the PIN is right\n",
                    kLatchMode);
}

Result<bool> PinLatch::lift() const {
  std::error_code failure;
  const bool stood = std::filesystem::remove(file_, failure);
  if (failure) return Error(Code::Unavailable, file_.string() + ": " + failure.message());
  TRY(sync_directory(file_.has_parent_path() ? file_.parent_path() : "."));
  return stood;
}

Result<void> PinLatch::check() const {
  if (!TRY(stands())) return {};
  return Error(Code::FailedPrecondition,
               "the token refused the PIN, and it is not tried again: " + file_.string() +
                   " says when; put the PIN right, then `keyward token unlatch`");
}

}  // namespace kw::core
