// SPDX-License-Identifier: Apache-2.0
#include "service/core/executors.h"

#include <algorithm>

#include "base/log.h"

namespace kw::core {
namespace {

constexpr Clock::duration kLookAtLeast = std::chrono::milliseconds(5);
constexpr Clock::duration kLookAtMost = std::chrono::seconds(1);
constexpr int kLooksPerBound = 8;
constexpr auto kUntilEnded = std::chrono::hours(24 * 365);

std::size_t share_of(std::size_t length, std::size_t share) {
  return share > 0 ? share : std::max<std::size_t>(length / 4, 1);
}

Scheduler::Limits limits_of(const ExecutorOptions& options, std::size_t threads) {
  Scheduler::Limits limits;
  const auto at_least_one = [](std::size_t number) { return std::max<std::size_t>(number, 1); };
  limits.threads = at_least_one(threads);
  limits.at_once = {at_least_one(options.concurrency.symmetric),
                    at_least_one(options.concurrency.asymmetric),
                    at_least_one(options.concurrency.generate), limits.threads};
  // One thread, if there are more, is always free for what is not a batch.
  limits.batches = at_least_one(limits.threads - 1);
  limits.length = options.queue_length;
  limits.share = share_of(options.queue_length, options.queue_share);
  return limits;
}

}  // namespace

Executors::Executors(Backend& backend, const ExecutorOptions& options)
    : backend_(backend),
      options_(options),
      token_({Lane::Token, Lane::Batch}, limits_of(options, options.token_threads)),
      state_({Lane::State, Lane::State}, limits_of(options, 1)),
      host_({Lane::Host, Lane::Host}, limits_of(options, 1)) {
  for (Pool* const pool : pools_) {
    const MutexLock lock(pool->mutex);
    const std::size_t threads =
        pool == &token_ ? std::max<std::size_t>(options.token_threads, 1) : 1;
    for (std::size_t i = 0; i < threads; ++i) start_worker(*pool);
  }
  watcher_ = std::thread([this] { watch(); });
}

Executors::~Executors() { (void)close(deadline_in(kUntilEnded)); }

Executors::Place Executors::place_of(Lane lane) noexcept {
  switch (lane) {
    case Lane::Token:
      return {&token_, Level::Single};
    case Lane::Batch:
      return {&token_, Level::Batch};
    case Lane::State:
      return {&state_, Level::Single};
    case Lane::Host:
      break;
  }
  return {&host_, Level::Single};
}

void Executors::refuse(Lane lane, Job job, Refusal why) {
  meter_of(lane).refused[static_cast<std::size_t>(why)].add();
  job.refuse(why);
}

void Executors::submit(Lane lane, Job job) {
  const Place place = place_of(lane);
  Pool& pool = *place.pool;
  std::optional<Scheduler::Refused> refused;
  ConditionVariable* other = nullptr;
  {
    const MutexLock lock(pool.mutex);
    if (pool.closed) {
      refused.emplace(Scheduler::Refused{std::move(job), Refusal::QueueFull});
    } else {
      refused = pool.scheduler.add(place.level, std::move(job), Clock::now());
      foresee(pool);
      other = another(pool);
    }
  }
  if (other != nullptr) other->notify_one();
  if (refused) refuse(lane, std::move(refused->job), refused->why);
}

void Executors::set_queue_length(std::size_t length, std::size_t share) {
  for (Pool* const pool : pools_) {
    const MutexLock lock(pool->mutex);
    pool->scheduler.set_length(length, share_of(length, share));
  }
}

void Executors::start_worker(Pool& pool) {
  Worker& worker = pool.workers.emplace_back();
  worker.thread = std::thread([this, &pool, &worker] { serve(pool, worker); });
}

// Who has something to do and is to be notified, or has to be the one that looks again when a step
// may hang. One at a time: it looks for itself, and calls the next. While others sleep, the one
// that looks again is left alone: another would have to take its place.
ConditionVariable* Executors::another(Pool& pool) {
  if (pool.one_comes || !pool.scheduler.has_waiting()) return nullptr;
  if (pool.timers > 0 && !pool.scheduler.can_go(Clock::now())) return nullptr;
  pool.one_comes = true;
  return pool.sleeping > 0 ? &pool.filled : &pool.called_early;
}

void Executors::call_another(Pool& pool) {
  if (ConditionVariable* const other = another(pool)) other->notify_one();
}

// Single calls alone: an item of a batch may be long in coming.
void Executors::foresee(const Pool& pool) {
  if (&pool == &token_) backend_.foresee(pool.scheduler.waiting(Level::Single));
}

std::optional<Scheduler::Turn> Executors::next_turn(Pool& pool, Worker& self) {
  for (;;) {
    pool.one_comes = false;
    const Clock::time_point now = Clock::now();
    std::optional<Scheduler::Turn> turn = pool.scheduler.next(now);
    if (turn) {
      foresee(pool);
      self.turn = turn->number;
      self.level = turn->level;
      call_another(pool);
      return turn;
    }
    if (pool.closed && !pool.scheduler.has_waiting()) return std::nullopt;
    if (const auto chance = pool.scheduler.next_chance(now)) {
      ++pool.timers;
      pool.called_early.wait_until(pool.mutex, *chance);
      --pool.timers;
    } else {
      ++pool.sleeping;
      pool.filled.wait(pool.mutex);
      --pool.sleeping;
    }
  }
}

// Yields whether the worker goes on. If not, its replacement may have something to do.
bool Executors::end_turn(Pool& pool, Worker& self, Scheduler::Turn turn, std::optional<Work> more) {
  pool.scheduler.done(std::move(turn), more, Clock::now());
  self.turn.reset();
  if (std::exchange(self.hung, false)) hanging_.fetch_sub(1);
  if (self.replaced) call_another(pool);
  return !self.replaced;
}

std::optional<Scheduler::Turn> Executors::first_turn(Pool& pool, Worker& self) {
  const MutexLock lock(pool.mutex);
  return next_turn(pool, self);
}

// Without a moment in between: the place that one step leaves would wake another thread, and this
// one would take it.
std::optional<Scheduler::Turn> Executors::turn_after(Pool& pool, Worker& self, Scheduler::Turn turn,
                                                     std::optional<Work> more) {
  const MutexLock lock(pool.mutex);
  if (!end_turn(pool, self, std::move(turn), more)) return std::nullopt;
  return next_turn(pool, self);
}

// Yields what the job's next step is.
std::optional<Work> Executors::run_step(Pool& pool, Scheduler::Turn& turn, KeyService& service) {
  if (turn.waited) meter_of(pool, turn.level).waited.observe(*turn.waited);
  // Whoever waits for this processor goes first: a batch would hold it for a whole time slice.
  if (turn.level == Level::Batch) std::this_thread::yield();
  if (!turn.late) return turn.job.run(service);
  refuse(pool.lanes[static_cast<std::size_t>(turn.level)], std::move(turn.job), Refusal::Late);
  return std::nullopt;
}

void Executors::serve(Pool& pool, Worker& self) {
  {
    KeyService service(backend_);
    std::optional<Scheduler::Turn> turn = first_turn(pool, self);
    while (turn) {
      const std::optional<Work> more = run_step(pool, *turn, service);
      turn = turn_after(pool, self, *std::move(turn), more);
    }
  }
  const MutexLock lock(pool.mutex);
  self.ended = true;
  pool.ended.notify_all();
}

void Executors::watch() {
  const Clock::duration every =
      std::clamp(options_.hung_after / kLooksPerBound, kLookAtLeast, kLookAtMost);
  for (;;) {
    {
      const MutexLock lock(watch_mutex_);
      const auto is_over = [this]() KW_REQUIRES(watch_mutex_) { return closing_; };
      if (watch_over_.wait_until(watch_mutex_, deadline_in(every), is_over)) return;
    }
    for (Pool* const pool : pools_) look_after(*pool);
  }
}

void Executors::look_after(Pool& pool) {
  std::list<Worker> ended;
  {
    const MutexLock lock(pool.mutex);
    for (const Scheduler::Stuck& stuck :
         pool.scheduler.write_off(options_.hung_after, Clock::now())) {
      write_off(pool, stuck);
    }
    for (auto at = pool.workers.begin(); at != pool.workers.end();) {
      const auto worker = at++;
      if (worker->ended) ended.splice(ended.end(), pool.workers, worker);
    }
  }
  for (Worker& worker : ended) worker.thread.join();
}

void Executors::write_off(Pool& pool, const Scheduler::Stuck& stuck) {
  const auto worker = std::find_if(pool.workers.begin(), pool.workers.end(),
                                   [&](const Worker& each) { return each.turn == stuck.number; });
  if (worker == pool.workers.end()) return;
  worker->hung = true;
  LaneMeter& meter = meter_of(pool, worker->level);
  meter.hung.add();
  const std::size_t hanging = hanging_.fetch_add(1) + 1;
  const std::string count =
      std::to_string(hanging) + " of at most " + std::to_string(options_.most_hung);
  if (hanging > options_.most_hung) {
    if (!exhausted_.exchange(true)) {
      log_line(Severity::Alert, "too many calls hang (" + count + "): the service cannot go on");
    }
    return;
  }
  worker->replaced = true;
  meter.replaced.add();
  start_worker(pool);
  log_line(Severity::Error, "a call hangs (" + count + "): its thread is replaced");
}

bool Executors::close(Pool& pool, Deadline deadline) {
  std::list<Job> left;
  bool all = false;
  {
    const MutexLock lock(pool.mutex);
    pool.closed = true;
    pool.filled.notify_all();
    pool.called_early.notify_all();
    const auto have_ended = [&pool]() KW_REQUIRES(pool.mutex) {
      return std::all_of(pool.workers.begin(), pool.workers.end(),
                         [](const Worker& worker) { return worker.ended; });
    };
    all = pool.ended.wait_until(pool.mutex, deadline, have_ended);
    if (!all) left = pool.scheduler.clear();
  }
  for (Job& job : left) refuse(pool.lanes.front(), std::move(job), Refusal::QueueFull);
  return all;
}

bool Executors::close(Deadline deadline) {
  bool all = true;
  for (Pool* const pool : pools_) all = close(*pool, deadline) && all;
  {
    const MutexLock lock(watch_mutex_);
    closing_ = true;
    watch_over_.notify_all();
  }
  if (watcher_.joinable()) watcher_.join();
  if (!all) return false;
  for (Pool* const pool : pools_) look_after(*pool);  // joins them
  return true;
}

std::size_t Executors::length_of(const Pool& pool, Level level) {
  const MutexLock lock(pool.mutex);
  return pool.scheduler.waiting(level);
}

}  // namespace kw::core
