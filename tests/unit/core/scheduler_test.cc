// SPDX-License-Identifier: Apache-2.0
#include "service/core/scheduler.h"

#include <map>
#include <memory>

#include "tests/support/expect.h"

namespace kw::core {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Desk is a scheduler with a clock of its own and threads that do nothing: a step takes as long as
// the test says.
struct Desk {
  explicit Desk(const Scheduler::Limits& limits) : scheduler(limits) {}

  Job job(const std::string& caller, Work work, Clock::duration left = seconds(30)) {
    Job made;
    made.caller = caller;
    made.work = work;
    made.steps = one_step(work);
    made.deadline = now + left;
    return made;
  }

  // Why the job, or another one in its place, was refused.
  std::optional<Scheduler::Refused> add(Job made, Level level = Level::Single) {
    return scheduler.add(level, std::move(made), now);
  }
  std::optional<Refusal> why(Job made, Level level = Level::Single) {
    const auto refused = add(std::move(made), level);
    return refused ? std::optional(refused->why) : std::nullopt;
  }
  void fill(const std::string& caller, Work work, int jobs, Level level = Level::Single) {
    for (int i = 0; i < jobs; ++i) REQUIRE_FALSE(add(job(caller, work), level));
  }
  void add_batch(const std::string& caller, Work work, std::size_t items) {
    Job made = job(caller, work);
    made.steps[index_of(work)] = items;
    REQUIRE_FALSE(add(std::move(made), Level::Batch));
  }

  // Begins a step and yields its caller; "" if there is none.
  std::string begin() {
    auto turn = scheduler.next(now);
    if (!turn) return "";
    turns.push_back(*std::move(turn));
    return turns.back().job.caller;
  }

  // Ends the oldest step that was begun.
  void end(Clock::duration took, std::optional<Work> more = {}) {
    now += took;
    Scheduler::Turn turn = std::move(turns.front());
    turns.pop_front();
    scheduler.done(std::move(turn), more, now);
  }

  // Does one step, the only one at a time.
  std::string step(Clock::duration took) {
    std::string caller = begin();
    if (!caller.empty()) end(took);
    return caller;
  }

  // Does a step of a batch that has more of them.
  void step_of_batch(Work work, Clock::duration took) {
    REQUIRE(begin() == "batch");
    CHECK(turns.front().level == Level::Batch);
    end(took, work);
  }

  // Lets the scheduler learn how long a caller's steps take.
  void teach(const std::string& caller, Work work, Clock::duration took) {
    for (int i = 0; i < 64; ++i) {
      REQUIRE_FALSE(add(job(caller, work)));
      REQUIRE(step(took) == caller);
    }
  }

  Scheduler scheduler;
  Clock::time_point now{seconds(1000)};
  std::list<Scheduler::Turn> turns;
};

Scheduler::Limits roomy(std::size_t threads = 1) {
  Scheduler::Limits limits;
  limits.threads = threads;
  limits.at_once = {threads, threads, threads, threads};
  limits.batches = threads;
  limits.length = 100'000;
  limits.share = 100'000;
  return limits;
}

std::map<std::string, int> serve(Desk& desk, int steps, Clock::duration took) {
  std::map<std::string, int> served;
  for (int i = 0; i < steps; ++i) ++served[desk.step(took)];
  return served;
}

}  // namespace

TEST_CASE("scheduler: who has most waiting gets no more than the others", "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("flood", Work::Symmetric, 1000);
  desk.fill("calm", Work::Symmetric, 20);
  desk.fill("other", Work::Symmetric, 20);
  const auto served = serve(desk, 60, microseconds(100));
  CHECK(served.at("calm") == 20);
  CHECK(served.at("other") == 20);
  CHECK(served.at("flood") == 20);
}

TEST_CASE("scheduler: shares are of time, not of calls", "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("heavy", Work::Asymmetric, 2000);
  desk.fill("light", Work::Symmetric, 2000);
  std::map<std::string, Clock::duration> time;
  for (int i = 0; i < 1000; ++i) {
    const std::string caller = desk.begin();
    const Clock::duration took = caller == "heavy" ? milliseconds(5) : microseconds(50);
    time[caller] += took;
    desk.end(took);
  }
  const double ratio = std::chrono::duration<double>(time.at("heavy")) /
                       std::chrono::duration<double>(time.at("light"));
  CHECK(ratio > 0.8);
  CHECK(ratio < 1.25);
}

TEST_CASE("scheduler: calls of one kind are charged what each caller's own take",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("rsa4096", Work::Asymmetric, 2000);
  desk.fill("p256", Work::Asymmetric, 2000);
  std::map<std::string, int> calls;
  for (int i = 0; i < 1000; ++i) {
    const std::string caller = desk.begin();
    ++calls[caller];
    desk.end(caller == "rsa4096" ? milliseconds(10) : milliseconds(1));
  }
  CHECK(calls.at("p256") > 8 * calls.at("rsa4096"));
  CHECK(calls.at("p256") < 12 * calls.at("rsa4096"));
}

TEST_CASE("scheduler: who comes new goes next, and who was away saved nothing up",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("flood", Work::Symmetric, 1000);
  serve(desk, 200, microseconds(100));
  desk.fill("new", Work::Symmetric, 100);
  CHECK(desk.step(microseconds(100)) == "new");
  const auto served = serve(desk, 100, microseconds(100));
  CHECK(served.at("flood") >= 49);
  CHECK(served.at("new") >= 49);
}

TEST_CASE("scheduler: a caller cannot get ahead by going away after each call",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("steady", Work::Symmetric, 1000);
  std::map<std::string, int> served;
  for (int i = 0; i < 200; ++i) {
    if (desk.scheduler.waiting(Level::Single) <= static_cast<std::size_t>(1000 - served["steady"]))
      desk.fill("hopper", Work::Symmetric, 1);
    ++served[desk.step(microseconds(100))];
  }
  CHECK(served["steady"] >= 98);
}

TEST_CASE("scheduler: a single call goes before all items of a batch that are left",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.add_batch("batch", Work::Symmetric, 1000);
  for (int i = 0; i < 100; ++i) {
    desk.step_of_batch(Work::Symmetric, microseconds(50));
    desk.fill("single", Work::Symmetric, 1);
    CHECK(desk.step(microseconds(50)) == "single");
  }
}

TEST_CASE("scheduler: batches get a sixteenth where single calls want everything",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("single", Work::Symmetric, 5000);
  desk.add_batch("batch", Work::Symmetric, 5000);
  int items = 0;
  for (int i = 0; i < 1700; ++i) {
    const bool is_batch = desk.begin() == "batch";
    items += is_batch ? 1 : 0;
    desk.end(microseconds(100), is_batch ? std::optional(Work::Symmetric) : std::nullopt);
  }
  CHECK(items > 80);
  CHECK(items < 120);
}

TEST_CASE("scheduler: batches leave a thread free, and callers' batches take turns",
          "[core][scheduler]") {
  Scheduler::Limits limits = roomy(2);
  limits.batches = 1;
  Desk desk(limits);
  desk.add_batch("a", Work::Asymmetric, 10);
  desk.add_batch("b", Work::Asymmetric, 10);
  std::map<std::string, int> items;
  for (int i = 0; i < 10; ++i) {
    ++items[desk.begin()];
    CHECK(desk.begin().empty());
    desk.end(milliseconds(1), Work::Asymmetric);
  }
  CHECK(items["a"] == 5);
  CHECK(items["b"] == 5);
}

TEST_CASE("scheduler: no more calls of a kind than the token likes, other kinds go past",
          "[core][scheduler]") {
  Scheduler::Limits limits = roomy(4);
  limits.at_once[index_of(Work::Symmetric)] = 1;
  Desk desk(limits);
  desk.fill("a", Work::Symmetric, 2);
  desk.fill("b", Work::Asymmetric, 2);
  CHECK(desk.begin() == "a");
  CHECK(desk.begin() == "b");
  CHECK(desk.begin() == "b");
  CHECK(desk.begin().empty());
  CHECK_FALSE(desk.scheduler.can_go(desk.now));
  desk.end(microseconds(100));
  CHECK(desk.scheduler.can_go(desk.now));
  CHECK(desk.begin() == "a");
}

TEST_CASE("scheduler: a call that may hang does not keep its kind from running",
          "[core][scheduler]") {
  Scheduler::Limits limits = roomy(4);
  limits.at_once[index_of(Work::Symmetric)] = 1;
  Desk desk(limits);
  desk.fill("a", Work::Symmetric, 2);
  REQUIRE(desk.begin() == "a");
  const auto chance = desk.scheduler.next_chance(desk.now);
  REQUIRE(chance.has_value());
  CHECK(*chance == desk.now + limits.patience);
  desk.now = *chance;
  CHECK(desk.begin() == "a");
}

TEST_CASE("scheduler: refuses at once what would wait into its deadline", "[core][scheduler]") {
  Desk desk(roomy());
  for (const char* const caller : {"a", "b", "c", "d"}) {
    desk.teach(caller, Work::Asymmetric, milliseconds(10));
  }
  for (const char* const caller : {"a", "b", "c"}) desk.fill(caller, Work::Asymmetric, 10);
  // Nobody waits behind all the others' calls, but behind as many as it has itself.
  CHECK_FALSE(desk.why(desk.job("d", Work::Asymmetric, milliseconds(60))));
  CHECK(desk.why(desk.job("d", Work::Asymmetric, milliseconds(45))) == Refusal::NoTime);
  CHECK_FALSE(desk.why(desk.job("a", Work::Asymmetric, milliseconds(600))));
  CHECK(desk.why(desk.job("a", Work::Asymmetric, milliseconds(200))) == Refusal::NoTime);
  CHECK(desk.why(desk.job("a", Work::Asymmetric, milliseconds(90))) == Refusal::OwnShare);
}

TEST_CASE("scheduler: two threads halve the wait", "[core][scheduler]") {
  Desk desk(roomy(2));
  desk.teach("a", Work::Asymmetric, milliseconds(10));
  desk.fill("a", Work::Asymmetric, 10);
  CHECK_FALSE(desk.why(desk.job("a", Work::Asymmetric, milliseconds(70))));
}

TEST_CASE("scheduler: with nothing in front a job is taken, however long it takes itself",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.teach("a", Work::Generate, seconds(20));
  CHECK_FALSE(desk.why(desk.job("a", Work::Generate, seconds(10))));
}

TEST_CASE("scheduler: what hangs is taken to hang on, where it holds the last thread",
          "[core][scheduler]") {
  Desk desk(roomy(2));
  desk.fill("a", Work::Symmetric, 2);
  REQUIRE(desk.begin() == "a");
  desk.now += seconds(6);
  CHECK_FALSE(desk.why(desk.job("b", Work::Symmetric, seconds(2))));  // one is free
  REQUIRE(desk.begin() == "b");
  desk.now += seconds(3);
  CHECK(desk.why(desk.job("c", Work::Symmetric, seconds(2))) == Refusal::NoTime);
  CHECK_FALSE(desk.why(desk.job("c", Work::Symmetric, seconds(10))));
}

TEST_CASE("scheduler: a caller's own bound is its own doing", "[core][scheduler]") {
  Scheduler::Limits limits = roomy();
  limits.share = 3;
  Desk desk(limits);
  desk.fill("flood", Work::Symmetric, 3);
  CHECK(desk.why(desk.job("flood", Work::Symmetric)) == Refusal::OwnShare);
  CHECK_FALSE(desk.why(desk.job("calm", Work::Symmetric)));
  // Batches have a bound of their own.
  CHECK_FALSE(desk.why(desk.job("flood", Work::Symmetric), Level::Batch));
}

TEST_CASE("scheduler: in a full queue who has least goes in, who has most gives way",
          "[core][scheduler]") {
  Scheduler::Limits limits = roomy();
  limits.length = 10;
  Desk desk(limits);
  desk.fill("a", Work::Symmetric, 5);
  desk.fill("b", Work::Symmetric, 5);
  for (int i = 0; i < 3; ++i) {
    auto dropped = desk.add(desk.job("new", Work::Symmetric));
    REQUIRE(dropped.has_value());
    CHECK(dropped->job.caller != "new");
    CHECK(dropped->why == Refusal::OwnShare);
  }
  // All have about the same by now: it is the service that is too busy.
  CHECK(desk.why(desk.job("new", Work::Symmetric)) == Refusal::QueueFull);
  CHECK(desk.scheduler.waiting(Level::Single) == 10);
}

TEST_CASE("scheduler: bounds the memory that waits, not only the jobs", "[core][scheduler]") {
  Scheduler::Limits limits = roomy();
  limits.bytes = 1000;
  Desk desk(limits);
  const auto add = [&](const std::string& caller, std::size_t bytes) {
    Job job = desk.job(caller, Work::Symmetric);
    job.bytes = bytes;
    return desk.why(std::move(job));
  };
  CHECK_FALSE(add("a", 200));
  CHECK(add("a", 200) == Refusal::OwnShare);
  CHECK_FALSE(add("b", 800));
  CHECK(add("c", 1) == Refusal::QueueFull);
  CHECK_FALSE(desk.step(milliseconds(1)).empty());
  CHECK_FALSE(desk.step(milliseconds(1)).empty());
  CHECK_FALSE(add("c", 2000));  // alone it fits always
}

TEST_CASE("scheduler: a job that waited past its deadline is late, and teaches nothing",
          "[core][scheduler]") {
  Desk desk(roomy());
  desk.teach("a", Work::Symmetric, milliseconds(2));
  REQUIRE_FALSE(desk.add(desk.job("a", Work::Symmetric, milliseconds(1))));
  desk.now += milliseconds(2);
  REQUIRE(desk.begin() == "a");
  CHECK(desk.turns.front().late);
  desk.end(Clock::duration());
  desk.fill("a", Work::Symmetric, 10);
  CHECK(desk.why(desk.job("a", Work::Symmetric, milliseconds(15))) == Refusal::OwnShare);
}

TEST_CASE("scheduler: a batch that has begun is not late between its items", "[core][scheduler]") {
  Desk desk(roomy());
  desk.add_batch("batch", Work::Symmetric, 3);
  desk.step_of_batch(Work::Symmetric, seconds(40));
  desk.step_of_batch(Work::Symmetric, microseconds(50));
  REQUIRE(desk.begin() == "batch");
  CHECK_FALSE(desk.turns.front().late);
  CHECK_FALSE(desk.turns.front().waited.has_value());
}

TEST_CASE("scheduler: writes off what runs too long, once, and has more patience with new keys",
          "[core][scheduler]") {
  Desk desk(roomy(2));
  desk.fill("a", Work::Symmetric, 1);
  desk.fill("b", Work::Generate, 1);
  REQUIRE(desk.begin() == "a");
  REQUIRE(desk.begin() == "b");
  CHECK(desk.scheduler.write_off(seconds(10), desk.now + seconds(9)).empty());
  const auto stuck = desk.scheduler.write_off(seconds(10), desk.now + seconds(11));
  REQUIRE(stuck.size() == 1);
  CHECK(stuck.front().number == desk.turns.front().number);
  CHECK(stuck.front().since == seconds(11));
  CHECK(desk.scheduler.write_off(seconds(10), desk.now + seconds(12)).empty());
  CHECK(desk.scheduler.write_off(seconds(10), desk.now + seconds(101)).size() == 1);
  desk.end(seconds(12));  // it came back after all
  desk.end(seconds(1));
}

TEST_CASE("scheduler: a call that hung is not held against its caller", "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("a", Work::Symmetric, 1);
  REQUIRE(desk.step(seconds(3600)) == "a");
  desk.fill("a", Work::Symmetric, 100);
  desk.fill("b", Work::Symmetric, 20'000);
  CHECK(serve(desk, 15'000, microseconds(100)).at("a") > 0);
}

TEST_CASE("scheduler: everything that waits can be taken out", "[core][scheduler]") {
  Desk desk(roomy());
  desk.fill("a", Work::Symmetric, 3);
  desk.fill("b", Work::Asymmetric, 2);
  desk.add_batch("batch", Work::Symmetric, 3);
  CHECK(desk.scheduler.clear().size() == 6);
  CHECK_FALSE(desk.scheduler.has_waiting());
  CHECK(desk.begin().empty());
}

TEST_CASE("fair queue: forgets callers who are idle", "[core][scheduler]") {
  FairQueue queue;
  for (int i = 0; i < 5000; ++i) {
    Job job;
    job.caller = std::to_string(i);
    queue.push(std::move(job), Clock::time_point());
    auto taken = queue.take({true, true, true, true});
    REQUIRE(taken.has_value());
    queue.done(taken->account, Work::Host, taken->estimate, microseconds(10), std::nullopt);
  }
  CHECK(queue.callers() <= 1024);
}

}  // namespace kw::core
