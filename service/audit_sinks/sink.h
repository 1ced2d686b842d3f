// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/audit/log.h"
#include "service/audit_sinks/cursor.h"
#include "service/audit_sinks/feed.h"
#include "service/audit_sinks/sink_meter.h"
#include "service/audit_sinks/sink_options.h"
#include "service/audit_sinks/transport.h"

namespace kw::audit_sinks {

// Sink brings the log's records to one place, in their order and each at least once, from the log's
// own segments: what it could not bring yet costs no memory. A thread of its own; the log waits for
// it only where it is required. The log must outlive it.
class Sink {
 public:
  Sink(SinkOptions options, audit::Log& log, Cursor cursor, std::unique_ptr<Transport> transport);
  // Brings what is left, if the peer takes it. The log must have stopped.
  ~Sink();
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  SinkReading read() const;

 private:
  // Records below `index` were sent before `time`.
  struct Sent {
    Clock::time_point time;
    std::uint64_t index;
  };

  void run();
  Result<void> serve_connection();
  Result<void> send_some(std::uint64_t end);
  void arrived();
  std::uint64_t safe_place();
  void save(Cursor::When when);
  void failed(const Error& cause, bool was_connected);
  bool is_stopping() const;
  bool pause(Clock::duration span);

  const SinkOptions options_;
  audit::Log& log_;
  Cursor cursor_;
  Feed feed_;
  std::unique_ptr<Transport> transport_;
  std::optional<audit::Log::Gate> gate_;  // where it is required
  SinkMeter meter_;

  // The thread's.
  std::deque<Sent> in_doubt_;
  std::uint64_t safe_;
  unsigned failed_in_row_ = 0;
  bool cursor_failing_ = false;

  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool stopping_ KW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace kw::audit_sinks
