// SPDX-License-Identifier: Apache-2.0
#include "service/witness/worker.h"

#include <utility>

namespace kw::witness {

Worker::Worker(std::size_t most_waiting)
    : most_waiting_(most_waiting), thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

bool Worker::submit(Task<void()> task) {
  {
    const MutexLock lock(mutex_);
    if (waiting_.size() >= most_waiting_) return false;
    waiting_.push_back(std::move(task));
  }
  work_.notify_one();
  return true;
}

void Worker::run() {
  for (;;) {
    Task<void()> task;
    {
      const MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) work_.wait(mutex_);
      if (stopping_) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace kw::witness
