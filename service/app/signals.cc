// SPDX-License-Identifier: Apache-2.0
#include "service/app/signals.h"

#include <ctime>
#include <initializer_list>

namespace kw::app {
namespace {

sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void block_signals() {
  const sigset_t signals = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): it cannot fail for this signal
}

int wait_for_signal() {
  const sigset_t signals = handled_signals();
  const timespec second{1, 0};
  return ::sigtimedwait(&signals, nullptr, &second);
}

void wait_for_end() {
  for (;;) {
    const int signal = wait_for_signal();
    if (signal == SIGTERM || signal == SIGINT) return;
  }
}

}  // namespace kw::app
