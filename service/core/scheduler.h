// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <optional>
#include <vector>

#include "service/core/fair_queue.h"

namespace kw::core {

// Level says what goes first: single requests before the items of batches.
enum class Level : std::uint8_t { Single, Batch };
inline constexpr std::size_t kLevelCount = 2;

// Scheduler decides which step one group of threads does next, and which job it does not take at
// all: single requests before batches, which get a sixteenth of the time where both want all of it;
// within a level fair between callers by the time they use (FairQueue); never more steps of a kind
// at once than the token likes; and no job that would wait into its deadline. It reads no clock and
// starts nothing. Not thread-safe.
class Scheduler {
 public:
  struct Limits {
    std::size_t threads = 1;
    std::array<std::size_t, kWorkCount> at_once = {1, 1, 1, 1};  // steps of each kind
    std::size_t batches = 1;                                     // steps of batches
    std::size_t length = 512;                                    // jobs that wait at a level
    std::size_t share = 128;                                     // those of one caller
    std::size_t bytes = 64u << 20;                               // that those jobs hold
    // A step that takes longer, and four times longer than those before, no longer keeps others of
    // its kind from running: it hangs, or may.
    Clock::duration patience = std::chrono::milliseconds(50);
  };

  struct Refused {
    Job job;
    Refusal why;
  };

  // Turn is a job's step on its way to a thread.
  struct Turn {
    std::uint64_t number;
    Job job;
    Level level;
    std::optional<Clock::duration> waited;  // before its first step
    bool late;                              // to be refused, not run
  };

  // Stuck is a step that runs for too long.
  struct Stuck {
    std::uint64_t number;
    Clock::duration since;
  };

  explicit Scheduler(const Limits& limits) : limits_(limits) {}

  // Another bound for what waits. What is there already stays.
  void set_length(std::size_t length, std::size_t share) noexcept;

  // Takes the job. What is yielded must be refused: this job, or another one that made room for it.
  std::optional<Refused> add(Level level, Job job, Clock::time_point now);

  // Whether there is a step to do now.
  bool can_go(Clock::time_point now) const;

  // That step.
  std::optional<Turn> next(Clock::time_point now);

  // When `next` may have one although nothing ended and nothing was added; nothing: it will not.
  std::optional<Clock::time_point> next_chance(Clock::time_point now) const;

  // A turn's step ended, or its job was refused as late. `more` is the kind of the job's next step.
  void done(Turn turn, std::optional<Work> more, Clock::time_point now);

  // Steps that run for longer than `bound`, ten times as long where a key is made, and were not
  // written off yet. They are now: they count for nothing any more.
  std::vector<Stuck> write_off(Clock::duration bound, Clock::time_point now);

  std::size_t waiting(Level level) const noexcept { return at(level).load().jobs; }
  bool has_waiting() const noexcept;

  // Everything that waits, to be refused.
  std::list<Job> clear();

 private:
  struct Running {
    std::uint64_t number;
    Level level;
    Work work;
    Clock::time_point began;
    Clock::duration estimate;
    FairQueue::Account* account;
    Clock::duration patience;
    bool written_off = false;
  };

  FairQueue& at(Level level) noexcept { return queues_[static_cast<std::size_t>(level)]; }
  const FairQueue& at(Level level) const noexcept {
    return queues_[static_cast<std::size_t>(level)];
  }
  bool is_overdue(const Running& running, Clock::time_point now) const noexcept;
  bool counts(const Running& running, Clock::time_point now) const noexcept;
  FairQueue::Kinds open_kinds(Clock::time_point now) const noexcept;
  Level level_to_serve(const FairQueue::Kinds& open, Clock::time_point now) const;
  bool may_run_batch(Clock::time_point now) const noexcept;
  Clock::duration wait_behind(const Cost& waiting, const Steps& steps, Clock::time_point now) const;
  Clock::duration time_of(const Cost& cost) const noexcept;
  std::optional<Refusal> judge_share(const FairQueue& queue, const Job& job) const;
  std::optional<Refusal> judge_time(Level level, const Job& job, Clock::time_point now) const;

  Limits limits_;
  std::array<FairQueue, kLevelCount> queues_;
  std::vector<Running> running_;
  Clock::duration due_{};  // the time that batches are owed for having waited
  std::uint64_t next_number_ = 0;
};

}  // namespace kw::core
