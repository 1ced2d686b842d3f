// SPDX-License-Identifier: Apache-2.0
#include "service/core/fair_queue.h"

#include <algorithm>

namespace kw::core {
namespace {

constexpr std::size_t kMostAccounts = 1024;  // above, those that are idle are forgotten

// What a caller can be behind the others, who waited while all its kinds were busy.
constexpr Clock::duration kMostCredit = std::chrono::milliseconds(20);

constexpr std::uint64_t kBegun = 0;  // the order of a job that has

// One slow step does not make all of them slow.
constexpr int kMostSurprise = 8;

// What counts of one step at most.
constexpr Cost kMostCounted = {std::chrono::seconds(1), std::chrono::seconds(1),
                               std::chrono::seconds(60), std::chrono::seconds(1)};

void subtract(Cost& from, const Cost& less) noexcept {
  for (std::size_t i = 0; i < kWorkCount; ++i) from[i] -= less[i];
}

}  // namespace

struct FairQueue::Entry {
  Job job;
  std::optional<Clock::time_point> since;
  Cost cost{};
  std::uint64_t order = 0;  // of arrival
};

// What is kept of one caller.
struct FairQueue::Account {
  std::array<std::list<Entry>, kWorkCount> queues;  // by the kind of the next step
  Load load;
  Clock::duration served{};
  std::uint64_t number = 0;
  std::size_t running = 0;
  Estimates estimates;

  // The kind whose queue has the oldest front among these.
  std::optional<Work> next_of(const Kinds& open) const noexcept {
    std::optional<Work> oldest;
    for (std::size_t i = 0; i < kWorkCount; ++i) {
      if (!open[i] || queues[i].empty()) continue;
      if (oldest && queues[index_of(*oldest)].front().order < queues[i].front().order) continue;
      oldest = static_cast<Work>(i);
    }
    return oldest;
  }

  // The kind whose queue has the youngest end.
  Work last() const noexcept {
    std::size_t youngest = kWorkCount;
    for (std::size_t i = 0; i < kWorkCount; ++i) {
      if (queues[i].empty()) continue;
      if (youngest < kWorkCount && queues[youngest].back().order > queues[i].back().order) continue;
      youngest = i;
    }
    return static_cast<Work>(youngest);
  }
};

Clock::duration total_of(const Cost& cost) noexcept {
  Clock::duration sum{};
  for (const Clock::duration each : cost) sum += each;
  return sum;
}

void add_to(Cost& to, const Cost& more) noexcept {
  for (std::size_t i = 0; i < kWorkCount; ++i) to[i] += more[i];
}

Cost Estimates::of(const Steps& steps) const noexcept {
  Cost cost{};
  for (std::size_t i = 0; i < kWorkCount; ++i) {
    cost[i] = of_[i] * static_cast<Clock::duration::rep>(steps[i]);
  }
  return cost;
}

Clock::duration Estimates::learn(Work work, Clock::duration took) noexcept {
  const Clock::duration counted = std::min(took, kMostCounted[index_of(work)]);
  Clock::duration& estimate = of_[index_of(work)];
  const Clock::duration surprise = std::min(counted, estimate * kMostSurprise);
  estimate += (surprise - estimate) / 8;
  return counted;
}

FairQueue::FairQueue() = default;
FairQueue::~FairQueue() = default;

bool FairQueue::Less::operator()(const Account* a, const Account* b) const noexcept {
  return a->served != b->served ? a->served < b->served : a->number < b->number;
}

const FairQueue::Account* FairQueue::find(const std::string& caller) const {
  const auto at = accounts_.find(caller);
  return at == accounts_.end() ? nullptr : at->second.get();
}

FairQueue::Load FairQueue::load_of(const std::string& caller) const {
  const Account* const account = find(caller);
  return account == nullptr ? Load() : account->load;
}

Cost FairQueue::cost_of(const std::string& caller, const Steps& steps) const {
  const Account* const account = find(caller);
  return (account == nullptr ? estimates_ : account->estimates).of(steps);
}

Cost FairQueue::in_front_of(const std::string& caller, const Steps& steps) const {
  const Account* const own = find(caller);
  Cost front = own == nullptr ? Cost{} : own->load.cost;
  Cost share = cost_of(caller, steps);
  add_to(share, front);
  const Clock::duration most = total_of(share);
  for (const Account* account : active_) {
    if (account == own) continue;
    const Clock::duration theirs = total_of(account->load.cost);
    const double part =
        theirs <= most ? 1.0
                       : static_cast<double>(most.count()) / static_cast<double>(theirs.count());
    for (std::size_t i = 0; i < kWorkCount; ++i) {
      front[i] += std::chrono::duration_cast<Clock::duration>(account->load.cost[i] * part);
    }
  }
  return front;
}

FairQueue::Account& FairQueue::account_of(const std::string& caller) {
  const auto at = accounts_.find(caller);
  if (at != accounts_.end()) return *at->second;
  if (accounts_.size() >= kMostAccounts) forget_idle();
  auto fresh = std::make_unique<Account>();
  fresh->number = next_order_++;
  fresh->estimates = estimates_;
  return *accounts_.emplace(caller, std::move(fresh)).first->second;
}

// Their debts are forgotten with them: the next start is at what the others were served.
void FairQueue::forget_idle() {
  std::erase_if(accounts_, [](const auto& each) {
    return each.second->load.jobs == 0 && each.second->running == 0;
  });
}

// Who comes back goes first, but for what it used more than the others.
void FairQueue::activate(Account& account) {
  const Clock::duration least = active_.empty() ? served_ : (*active_.begin())->served;
  account.served = std::max(account.served, std::min(least, served_) - Clock::duration(1));
  active_.insert(&account);
}

// A job that has begun goes before all that the caller has waiting.
void FairQueue::put(Account& account, Entry entry) {
  if (account.load.jobs == 0) activate(account);
  entry.cost = account.estimates.of(entry.job.steps);
  for (Load* load : {&load_, &account.load}) {
    ++load->jobs;
    load->bytes += entry.job.bytes;
    add_to(load->cost, entry.cost);
  }
  std::list<Entry>& queue = account.queues[index_of(entry.job.work)];
  queue.insert(entry.order == kBegun ? queue.begin() : queue.end(), std::move(entry));
}

void FairQueue::push(Job job, Clock::time_point now) {
  Account& account = account_of(job.caller);
  put(account, {std::move(job), now, {}, next_order_++});
}

FairQueue::Entry FairQueue::pop(Account& account, Work work, bool newest) {
  std::list<Entry>& queue = account.queues[index_of(work)];
  const auto at = newest ? std::prev(queue.end()) : queue.begin();
  Entry entry = std::move(*at);
  queue.erase(at);
  active_.erase(&account);
  for (Load* load : {&load_, &account.load}) {
    --load->jobs;
    load->bytes -= entry.job.bytes;
    subtract(load->cost, entry.cost);
  }
  return entry;
}

std::optional<Job> FairQueue::drop_from_longest(std::size_t others) {
  const auto longest = std::max_element(
      active_.begin(), active_.end(),
      [](const Account* a, const Account* b) { return a->load.jobs < b->load.jobs; });
  if (longest == active_.end() || (*longest)->load.jobs <= others) return std::nullopt;
  Account& account = **longest;
  if (account.queues[index_of(account.last())].back().order == kBegun) return std::nullopt;
  Entry entry = pop(account, account.last(), true);
  if (account.load.jobs > 0) active_.insert(&account);
  return std::move(entry.job);
}

std::optional<Clock::duration> FairQueue::peek(const Kinds& open) const {
  for (const Account* account : active_) {
    if (const auto work = account->next_of(open)) return account->estimates.of(*work);
  }
  return std::nullopt;
}

std::optional<FairQueue::Taken> FairQueue::take(const Kinds& open) {
  for (Account* account : active_) {
    const std::optional<Work> work = account->next_of(open);
    if (!work) continue;
    Entry entry = pop(*account, *work, false);
    const Clock::duration estimate = account->estimates.of(*work);
    account->served = std::max(account->served, served_ - kMostCredit);
    served_ = std::max(served_, account->served);
    account->served += estimate;
    ++account->running;
    if (account->load.jobs > 0) active_.insert(account);
    return Taken{std::move(entry.job), account, estimate, entry.since};
  }
  return std::nullopt;
}

void FairQueue::done(Account* account, Work work, Clock::duration estimate,
                     std::optional<Clock::duration> took, std::optional<Job> more) {
  const bool waits = account->load.jobs > 0;
  if (waits) active_.erase(account);
  account->served -= estimate;
  if (took) {
    estimates_.learn(work, *took);
    account->served += account->estimates.learn(work, *took);
  }
  --account->running;
  if (waits) active_.insert(account);
  if (more) put(*account, {*std::move(more), std::nullopt, {}, kBegun});
}

std::list<Job> FairQueue::clear() {
  std::list<Job> jobs;
  while (!active_.empty()) {
    Account& account = **active_.begin();
    jobs.push_back(pop(account, account.last(), true).job);
    if (account.load.jobs > 0) active_.insert(&account);
  }
  return jobs;
}

}  // namespace kw::core
