// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

#include "base/result.h"

namespace kw::bench {

// StopSignals holds SIGINT, SIGTERM and SIGHUP back, so that who is told to stop cleans up first.
// Threads and processes started meanwhile inherit that.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  // Forgets what came meanwhile: it was obeyed.
  ~StopSignals();

  // Errors: Aborted (one came).
  Result<void> check() const;

 private:
  sigset_t held_;
  sigset_t before_;
};

}  // namespace kw::bench
