// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/meter.h"
#include "base/mutex.h"
#include "base/task.h"
#include "service/core/backend.h"
#include "service/core/key_service.h"

namespace kw::core {

// Lane keeps apart what must not wait for each other: single calls that use the token, batches of
// them, changes of state (they wait for their intent record), calls that need no token.
enum class Lane { Token, Batch, State, Host };
inline constexpr std::size_t kLaneCount = 4;

// Job is one request on its way to the door. `run` is called by an executor with its own
// KeyService; where the deadline passed in the queue, `late` is called instead.
struct Job {
  Deadline deadline;
  Task<void(KeyService&)> run;
  Task<void()> late;
};

struct ExecutorOptions {
  std::size_t token_threads = 2;
  std::size_t queue_length = 512;  // per lane
};

// Executors are the threads that run the door's code: each owns one KeyService and so one token
// session. The queue in front of each lane has a bound. A hung token call holds one executor and
// nothing else.
class Executors {
 public:
  Executors(Backend& backend, ExecutorOptions options);
  // Runs what is queued, then ends the threads.
  ~Executors();
  Executors(const Executors&) = delete;
  Executors& operator=(const Executors&) = delete;

  // Queues the job and yields true, or yields false at once when the lane is full.
  bool submit(Lane lane, Job job);

  // Another bound for every queue. What waits beyond a lower one is served.
  void set_queue_length(std::size_t length) noexcept { queue_length_.store(length); }

  // Writes how long the queues are and what they refused.
  void describe(telemetry::Page& page) const;

 private:
  struct Queue {
    mutable Mutex mutex;
    std::condition_variable_any filled;
    std::deque<Job> jobs KW_GUARDED_BY(mutex);
    bool closed KW_GUARDED_BY(mutex) = false;
    Counter refused;
    Counter late;
  };

  Queue& queue_of(Lane lane) noexcept { return queues_[static_cast<std::size_t>(lane)]; }
  static std::optional<Job> next_job(Queue& queue);
  static std::size_t length_of(const Queue& queue);
  void serve(Queue& queue);

  Backend& backend_;
  std::atomic<std::size_t> queue_length_;
  std::array<Queue, kLaneCount> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace kw::core
