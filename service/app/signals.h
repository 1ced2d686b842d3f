// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace kw::app {

// Every thread started from here on leaves SIGHUP, SIGINT and SIGTERM to the thread that waits for
// them; SIGPIPE is ignored.
void block_signals();

// The signal that came within a second, of those that were blocked; -1 for none.
int wait_for_signal();

// Waits for SIGTERM or SIGINT.
void wait_for_end();

}  // namespace kw::app
