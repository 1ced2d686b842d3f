// SPDX-License-Identifier: Apache-2.0
#include "service/bench/stop_signals.h"

#include <array>
#include <ctime>

namespace kw::bench {
namespace {

constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

}  // namespace

StopSignals::StopSignals() {
  ::sigemptyset(&held_);
  for (const int signal : kSignals) ::sigaddset(&held_, signal);
  ::pthread_sigmask(SIG_BLOCK, &held_, &before_);
}

StopSignals::~StopSignals() {
  const timespec at_once{};
  while (::sigtimedwait(&held_, nullptr, &at_once) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Result<void> StopSignals::check() const {
  sigset_t pending;
  ::sigemptyset(&pending);
  ::sigpending(&pending);
  for (const int signal : kSignals) {
    if (::sigismember(&pending, signal) == 1) return Error(Code::Aborted, "stopped");
  }
  return {};
}

}  // namespace kw::bench
