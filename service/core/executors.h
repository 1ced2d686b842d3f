// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/meter.h"
#include "base/mutex.h"
#include "service/core/backend.h"
#include "service/core/key_service.h"
#include "service/core/scheduler.h"

namespace kw::core {

// Lane keeps apart what must not wait for each other: single calls that use the token, batches of
// them, changes of state (they wait for their intent record), calls that need no token. The first
// two share their threads, and a scheduler.
enum class Lane { Token, Batch, State, Host };
inline constexpr std::size_t kLaneCount = 4;

struct ExecutorOptions {
  std::size_t token_threads = 2;
  Concurrency concurrency = default_concurrency();
  std::size_t queue_length = 512;  // for each lane
  std::size_t queue_share = 0;     // of one caller; 0 is a quarter of queue_length
  // A step that takes this long hangs (ten times this, where a key is made): its thread is replaced
  // by a new one. At most so many hang at a time; with more, the service is exhausted.
  Clock::duration hung_after = std::chrono::seconds(10);
  std::size_t most_hung = 4;
};

// Executors are the threads that run the door's code: each owns one KeyService and so one token
// session. Schedulers say what they do next. A hung token call holds one executor and nothing else,
// and not for long: a watcher puts another one in its place. Safe for concurrent use.
class Executors {
 public:
  Executors(Backend& backend, const ExecutorOptions& options);
  // Runs what waits, then ends the threads, however long that takes.
  ~Executors();
  Executors(const Executors&) = delete;
  Executors& operator=(const Executors&) = delete;

  // Queues the job, or calls its `refuse` at once; that may also be another's job, which makes room
  // for this one.
  void submit(Lane lane, Job job);

  // Another bound for every queue. What waits beyond a lower one is served.
  void set_queue_length(std::size_t length, std::size_t share);

  // Takes no job any more, and runs what waits, until the deadline; refuses what waits then. Yields
  // whether all threads have ended. If not, steps hang: this object must not be destroyed.
  bool close(Deadline deadline);

  // More steps hang than may: the process should end. Stays so once it was.
  bool is_exhausted() const noexcept { return exhausted_.load(); }

  // Writes how long the queues are, how long jobs wait there, what was refused and what hangs.
  void describe(telemetry::Page& page) const;

 private:
  // What is counted of one lane.
  struct LaneMeter {
    std::array<Counter, kRefusalCount> refused;
    Latency waited;
    Counter hung;
    Counter replaced;
  };

  // Worker is one thread of a pool.
  struct Worker {
    std::thread thread;
    std::optional<std::uint64_t> turn;  // that it does now
    Level level = Level::Single;        // of that turn
    bool hung = false;                  // that turn takes too long
    bool replaced = false;              // by another thread: it ends after that turn
    bool ended = false;
  };

  // Pool is a group of threads with one scheduler.
  struct Pool {
    explicit Pool(std::array<Lane, kLevelCount> served, const Scheduler::Limits& limits)
        : lanes(served), scheduler(limits) {}
    const std::array<Lane, kLevelCount> lanes;  // by level
    mutable Mutex mutex;
    ConditionVariable filled;        // of those that sleep
    ConditionVariable called_early;  // of the timers
    ConditionVariable ended;
    Scheduler scheduler KW_GUARDED_BY(mutex);
    std::list<Worker> workers KW_GUARDED_BY(mutex);
    std::size_t timers KW_GUARDED_BY(mutex) = 0;    // threads that look again by themselves
    std::size_t sleeping KW_GUARDED_BY(mutex) = 0;  // and threads that do not
    bool one_comes KW_GUARDED_BY(mutex) = false;    // a thread was called and did not look yet
    bool closed KW_GUARDED_BY(mutex) = false;
  };

  struct Place {
    Pool* pool;
    Level level;
  };

  Place place_of(Lane lane) noexcept;
  LaneMeter& meter_of(Lane lane) noexcept { return meters_[static_cast<std::size_t>(lane)]; }
  LaneMeter& meter_of(const Pool& pool, Level level) noexcept {
    return meter_of(pool.lanes[static_cast<std::size_t>(level)]);
  }
  void refuse(Lane lane, Job job, Refusal why);
  static ConditionVariable* another(Pool& pool) KW_REQUIRES(pool.mutex);
  static void call_another(Pool& pool) KW_REQUIRES(pool.mutex);
  void start_worker(Pool& pool) KW_REQUIRES(pool.mutex);
  void foresee(const Pool& pool) KW_REQUIRES(pool.mutex);
  void serve(Pool& pool, Worker& self);
  std::optional<Work> run_step(Pool& pool, Scheduler::Turn& turn, KeyService& service);
  std::optional<Scheduler::Turn> first_turn(Pool& pool, Worker& self);
  std::optional<Scheduler::Turn> turn_after(Pool& pool, Worker& self, Scheduler::Turn turn,
                                            std::optional<Work> more);
  std::optional<Scheduler::Turn> next_turn(Pool& pool, Worker& self) KW_REQUIRES(pool.mutex);
  bool end_turn(Pool& pool, Worker& self, Scheduler::Turn turn, std::optional<Work> more)
      KW_REQUIRES(pool.mutex);
  void watch();
  void look_after(Pool& pool);
  void write_off(Pool& pool, const Scheduler::Stuck& stuck) KW_REQUIRES(pool.mutex);
  bool close(Pool& pool, Deadline deadline);
  static std::size_t length_of(const Pool& pool, Level level);

  Backend& backend_;
  const ExecutorOptions options_;
  std::array<LaneMeter, kLaneCount> meters_;
  std::atomic<std::size_t> hanging_ = 0;
  std::atomic<bool> exhausted_ = false;
  Pool token_;
  Pool state_;
  Pool host_;
  const std::array<Pool*, 3> pools_ = {&token_, &state_, &host_};

  Mutex watch_mutex_;
  ConditionVariable watch_over_;
  bool closing_ KW_GUARDED_BY(watch_mutex_) = false;
  std::thread watcher_;
};

}  // namespace kw::core
