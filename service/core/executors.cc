// SPDX-License-Identifier: Apache-2.0
#include "service/core/executors.h"

namespace kw::core {

Executors::Executors(Backend& backend, ExecutorOptions options)
    : backend_(backend), queue_length_(options.queue_length) {
  const auto start = [this](Lane lane) {
    threads_.emplace_back([this, lane] { serve(queue_of(lane)); });
  };
  for (std::size_t i = 0; i < options.token_threads; ++i) start(Lane::Token);
  start(Lane::Batch);
  start(Lane::State);
  start(Lane::Host);
}

Executors::~Executors() {
  for (Queue& queue : queues_) {
    const MutexLock lock(queue.mutex);
    queue.closed = true;
    queue.filled.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Executors::submit(Lane lane, Job job) {
  Queue& queue = queue_of(lane);
  {
    const MutexLock lock(queue.mutex);
    if (queue.closed || queue.jobs.size() >= queue_length_.load()) {
      queue.refused.add();
      return false;
    }
    queue.jobs.push_back(std::move(job));
  }
  queue.filled.notify_one();
  return true;
}

std::optional<Job> Executors::next_job(Queue& queue) {
  const MutexLock lock(queue.mutex);
  queue.filled.wait(queue.mutex, [&queue]() KW_REQUIRES(queue.mutex) {
    return queue.closed || !queue.jobs.empty();
  });
  if (queue.jobs.empty()) return std::nullopt;
  Job job = std::move(queue.jobs.front());
  queue.jobs.pop_front();
  return job;
}

std::size_t Executors::length_of(const Queue& queue) {
  const MutexLock lock(queue.mutex);
  return queue.jobs.size();
}

void Executors::serve(Queue& queue) {
  KeyService service(backend_);
  while (std::optional<Job> job = next_job(queue)) {
    if (has_passed(job->deadline)) {
      queue.late.add();
      job->late();
    } else {
      job->run(service);
    }
  }
}

}  // namespace kw::core
