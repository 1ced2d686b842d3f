// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "service/core/job.h"

namespace kw::core {

// How much time steps take, by their kind.
using Cost = std::array<Clock::duration, kWorkCount>;
Clock::duration total_of(const Cost& cost) noexcept;
void add_to(Cost& to, const Cost& more) noexcept;

// Estimates are how long a step of each kind takes, learnt from those that were done.
class Estimates {
 public:
  Clock::duration of(Work work) const noexcept { return of_[index_of(work)]; }
  Cost of(const Steps& steps) const noexcept;

  // A step took so long. Yields what counts of it: a call that hung says nothing about its caller.
  Clock::duration learn(Work work, Clock::duration took) noexcept;

 private:
  static constexpr Cost kFirst = {std::chrono::microseconds(100), std::chrono::milliseconds(1),
                                  std::chrono::milliseconds(200), std::chrono::microseconds(100)};
  Cost of_ = kFirst;
};

// FairQueue holds the jobs that wait, in a queue for each caller, and gives the next place to the
// caller who has used the least of the token's time (start-time fair queueing). What a step costs
// is estimated when it begins and corrected when it ends. Who was idle saves nothing up. Not
// thread-safe.
class FairQueue {
 public:
  // Kinds says of which kinds a step may begin now.
  using Kinds = std::array<bool, kWorkCount>;

  struct Account;

  // Load is what waits, of everybody or of one caller.
  struct Load {
    std::size_t jobs = 0;
    std::size_t bytes = 0;
    Cost cost{};
  };

  struct Taken {
    Job job;
    Account* account;  // to be given back with `done`
    Clock::duration estimate;
    std::optional<Clock::time_point> since;  // when it began to wait; nothing after its first step
  };

  FairQueue();
  ~FairQueue();
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  const Load& load() const noexcept { return load_; }
  Load load_of(const std::string& caller) const;

  // How many callers something is kept of: those with jobs, and at most 1,024 others.
  std::size_t callers() const noexcept { return accounts_.size(); }

  // What the steps of a caller's job will cost.
  Cost cost_of(const std::string& caller, const Steps& steps) const;

  // What is done in front of a caller's next job: all that it has waiting itself, and of the others
  // as much as they get meanwhile.
  Cost in_front_of(const std::string& caller, const Steps& steps) const;

  void push(Job job, Clock::time_point now);

  // Drops the newest job of the caller who has most waiting, if that is more than `others`. Never
  // one that has begun.
  std::optional<Job> drop_from_longest(std::size_t others);

  // The cost of the step that `take` would give; nothing if there is none of these kinds.
  std::optional<Clock::duration> peek(const Kinds& open) const;
  std::optional<Taken> take(const Kinds& open);

  // A step that was taken is over: it took so long, or was not done at all. `more` is its job, if
  // that has steps left.
  void done(Account* account, Work work, Clock::duration estimate,
            std::optional<Clock::duration> took, std::optional<Job> more);

  // Everything that waits, in no order.
  std::list<Job> clear();

 private:
  struct Entry;
  struct Less {
    bool operator()(const Account* a, const Account* b) const noexcept;
  };

  Account& account_of(const std::string& caller);
  const Account* find(const std::string& caller) const;
  void activate(Account& account);
  void put(Account& account, Entry entry);
  Entry pop(Account& account, Work work, bool newest);
  void forget_idle();

  Estimates estimates_;  // of all callers
  std::unordered_map<std::string, std::unique_ptr<Account>> accounts_;
  std::set<Account*, Less> active_;  // those with jobs that wait, the one to be served first first
  Clock::duration served_{};         // of the account that was served last
  std::uint64_t next_order_ = 1;
  Load load_;
};

}  // namespace kw::core
