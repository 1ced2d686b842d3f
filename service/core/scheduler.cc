// SPDX-License-Identifier: Apache-2.0
#include "service/core/scheduler.h"

#include <algorithm>

namespace kw::core {
namespace {

constexpr int kBatchShare = 16;
constexpr Clock::duration kMostDue = std::chrono::milliseconds(100);
constexpr int kPatienceForKeys = 10;  // a generator may look for primes for long
constexpr int kMuchLonger = 4;
constexpr std::size_t kCallersToFillMemory = 4;

Clock::duration part_of(Clock::duration whole, std::size_t parts) noexcept {
  return whole / static_cast<Clock::duration::rep>(parts);
}

}  // namespace

void Scheduler::set_length(std::size_t length, std::size_t share) noexcept {
  limits_.length = length;
  limits_.share = share;
}

bool Scheduler::has_waiting() const noexcept {
  return waiting(Level::Single) + waiting(Level::Batch) > 0;
}

bool Scheduler::is_overdue(const Running& running, Clock::time_point now) const noexcept {
  return now - running.began >= running.patience;
}

bool Scheduler::counts(const Running& running, Clock::time_point now) const noexcept {
  return !running.written_off && !is_overdue(running, now);
}

// What is done at the same time takes less time than its sum.
Clock::duration Scheduler::time_of(const Cost& cost) const noexcept {
  Clock::duration longest = part_of(total_of(cost), limits_.threads);
  for (std::size_t i = 0; i < kWorkCount; ++i) {
    longest = std::max(longest, part_of(cost[i], limits_.at_once[i]));
  }
  return longest;
}

// How long a job with these steps waits behind this. What runs and is overdue holds its thread
// alone; where it holds the last one, it is taken to last as long again as it did.
Clock::duration Scheduler::wait_behind(const Cost& waiting, const Steps& steps,
                                       Clock::time_point now) const {
  Cost all = waiting;
  std::size_t held = 0;
  Clock::duration shortest = Clock::duration::max();
  for (const Running& running : running_) {
    if (running.written_off) continue;
    const Clock::duration took = now - running.began;
    shortest = std::min(shortest, took);
    if (is_overdue(running, now)) {
      ++held;
    } else {
      all[index_of(running.work)] += std::max(running.estimate - took, Clock::duration());
    }
  }
  const bool all_held = held >= limits_.threads;
  Clock::duration wait =
      part_of(total_of(all), all_held ? limits_.threads : limits_.threads - held);
  if (all_held) wait += shortest;
  for (std::size_t i = 0; i < kWorkCount; ++i) {
    if (steps[i] > 0) wait = std::max(wait, part_of(all[i], limits_.at_once[i]));
  }
  return wait;
}

std::optional<Refusal> Scheduler::judge_share(const FairQueue& queue, const Job& job) const {
  const FairQueue::Load own = queue.load_of(job.caller);
  if (own.jobs >= limits_.share) return Refusal::OwnShare;
  const std::size_t own_bytes = limits_.bytes / kCallersToFillMemory;
  if (own.jobs > 0 && own.bytes + job.bytes > own_bytes) return Refusal::OwnShare;
  const FairQueue::Load& all = queue.load();
  if (all.jobs > 0 && all.bytes + job.bytes > limits_.bytes) return Refusal::QueueFull;
  return std::nullopt;
}

// A job with nothing in front of it is always taken: what its own steps take is not known before.
std::optional<Refusal> Scheduler::judge_time(Level level, const Job& job,
                                             Clock::time_point now) const {
  const FairQueue& queue = at(level);
  const Clock::duration left = job.deadline - now;
  const Clock::duration itself = time_of(queue.cost_of(job.caller, job.steps));
  const auto fits = [&](Cost front) {
    if (level == Level::Batch) add_to(front, at(Level::Single).load().cost);
    const Clock::duration wait = wait_behind(front, job.steps, now);
    return wait == Clock::duration() || wait + itself <= left;
  };
  if (fits(queue.load().cost)) return std::nullopt;
  if (!fits({})) return Refusal::NoTime;
  if (!fits(queue.load_of(job.caller).cost)) return Refusal::OwnShare;
  if (!fits(queue.in_front_of(job.caller, job.steps))) return Refusal::NoTime;
  return std::nullopt;
}

std::optional<Scheduler::Refused> Scheduler::add(Level level, Job job, Clock::time_point now) {
  FairQueue& queue = at(level);
  std::optional<Refusal> no = judge_share(queue, job);
  if (!no) no = judge_time(level, job, now);
  if (no) return Refused{std::move(job), *no};
  std::optional<Job> dropped;
  if (queue.load().jobs >= limits_.length) {
    dropped = queue.drop_from_longest(queue.load_of(job.caller).jobs + 1);
    if (!dropped) return Refused{std::move(job), Refusal::QueueFull};
  }
  queue.push(std::move(job), now);
  if (!dropped) return std::nullopt;
  return Refused{*std::move(dropped), Refusal::OwnShare};
}

FairQueue::Kinds Scheduler::open_kinds(Clock::time_point now) const noexcept {
  std::array<std::size_t, kWorkCount> busy{};
  for (const Running& running : running_) {
    if (counts(running, now)) ++busy[index_of(running.work)];
  }
  FairQueue::Kinds open{};
  for (std::size_t i = 0; i < kWorkCount; ++i) open[i] = busy[i] < limits_.at_once[i];
  return open;
}

bool Scheduler::may_run_batch(Clock::time_point now) const noexcept {
  const auto busy = std::count_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.level == Level::Batch && counts(running, now);
  });
  return static_cast<std::size_t>(busy) < limits_.batches;
}

Level Scheduler::level_to_serve(const FairQueue::Kinds& open, Clock::time_point now) const {
  if (!may_run_batch(now)) return Level::Single;
  const auto batch = at(Level::Batch).peek(open);
  if (!batch) return Level::Single;
  return due_ >= *batch || !at(Level::Single).peek(open) ? Level::Batch : Level::Single;
}

bool Scheduler::can_go(Clock::time_point now) const {
  const FairQueue::Kinds open = open_kinds(now);
  return at(level_to_serve(open, now)).peek(open).has_value();
}

std::optional<Scheduler::Turn> Scheduler::next(Clock::time_point now) {
  if (!has_waiting()) return std::nullopt;
  const FairQueue::Kinds open = open_kinds(now);
  const Level level = level_to_serve(open, now);
  std::optional<FairQueue::Taken> taken = at(level).take(open);
  if (!taken) return std::nullopt;
  const Work work = taken->job.work;
  if (level == Level::Batch) due_ = std::max(due_ - taken->estimate, Clock::duration());
  const bool late = taken->since && now >= taken->job.deadline;
  const std::uint64_t number = next_number_++;
  running_.push_back({number, level, work, now, taken->estimate, taken->account,
                      std::max(limits_.patience, taken->estimate * kMuchLonger)});
  std::optional<Clock::duration> waited;
  if (taken->since) waited = now - *taken->since;
  return Turn{number, std::move(taken->job), level, waited, late};
}

std::optional<Clock::time_point> Scheduler::next_chance(Clock::time_point now) const {
  if (!has_waiting()) return std::nullopt;
  std::optional<Clock::time_point> first;
  for (const Running& running : running_) {
    const Clock::time_point ends = running.began + running.patience;
    if (counts(running, now) && (!first || ends < *first)) first = ends;
  }
  return first;
}

void Scheduler::done(Turn turn, std::optional<Work> more, Clock::time_point now) {
  const auto mine = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
    return running.number == turn.number;
  });
  const Running running = *mine;
  running_.erase(mine);
  const Clock::duration took = now - running.began;
  if (running.level == Level::Single) {
    const bool batches_wait = waiting(Level::Batch) > 0;
    due_ = batches_wait ? std::min(due_ + took / kBatchShare, kMostDue) : Clock::duration();
  }
  std::optional<Job> rest;
  if (more) {
    std::size_t& left = turn.job.steps[index_of(running.work)];
    left -= std::min<std::size_t>(left, 1);
    turn.job.work = *more;
    rest = std::move(turn.job);
  }
  at(running.level)
      .done(running.account, running.work, running.estimate,
            turn.late ? std::nullopt : std::optional(took), std::move(rest));
}

std::vector<Scheduler::Stuck> Scheduler::write_off(Clock::duration bound, Clock::time_point now) {
  std::vector<Stuck> stuck;
  for (Running& running : running_) {
    const Clock::duration took = now - running.began;
    const int factor = running.work == Work::Generate ? kPatienceForKeys : 1;
    if (running.written_off || took < bound * factor) continue;
    running.written_off = true;
    stuck.push_back({running.number, took});
  }
  return stuck;
}

std::list<Job> Scheduler::clear() {
  std::list<Job> jobs = at(Level::Single).clear();
  jobs.splice(jobs.end(), at(Level::Batch).clear());
  return jobs;
}

}  // namespace kw::core
