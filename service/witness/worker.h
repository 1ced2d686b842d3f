// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <thread>

#include "base/mutex.h"
#include "base/task.h"

namespace kw::witness {

// Worker is one thread that does what it is given, one after the other; a queue with a bound stands
// before it. Safe for concurrent use.
class Worker {
 public:
  explicit Worker(std::size_t most_waiting);
  // What still waits is dropped undone.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False if the queue is full: the task is dropped.
  bool submit(Task<void()> task);

 private:
  void run();

  const std::size_t most_waiting_;
  Mutex mutex_;
  ConditionVariable work_;
  std::deque<Task<void()>> waiting_ KW_GUARDED_BY(mutex_);
  bool stopping_ KW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace kw::witness
