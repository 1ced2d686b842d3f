// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "service/core/backend.h"
#include "service/core/key_service.h"

namespace kw::core {

// Lane keeps apart what must not wait for each other: single calls that use the token, batches of
// them, changes of state (they wait for their intent record), calls that need no token.
enum class Lane { Token, Batch, State, Host };

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

 private:
  struct Queue {
    Mutex mutex;
    std::condition_variable_any filled;
    std::deque<Job> jobs KW_GUARDED_BY(mutex);
    bool closed KW_GUARDED_BY(mutex) = false;
  };

  Queue& queue_of(Lane lane) noexcept { return queues_[static_cast<std::size_t>(lane)]; }
  static std::optional<Job> next_job(Queue& queue);
  void serve(Queue& queue);

  Backend& backend_;
  const std::size_t queue_length_;
  std::array<Queue, 4> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace kw::core
