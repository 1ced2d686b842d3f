// SPDX-License-Identifier: Apache-2.0
#include "service/core/executors.h"

#include <array>
#include <atomic>
#include <future>
#include <thread>

#include "service/telemetry/page.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

// The value behind a series, as it is written.
std::string series_of(const Executors& executors, const std::string& series) {
  telemetry::Page page;
  executors.describe(page);
  const std::string text = "\n" + page.text();
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return "no " + series;
  const std::size_t begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

// What became of the jobs of a test.
struct Fate {
  std::promise<bool> ran;
  std::promise<Refusal> refused;
};

Job job_of(Task<void(KeyService&)> run, Fate* fate = nullptr,
           Deadline deadline = deadline_in(std::chrono::seconds(30))) {
  Job job;
  job.caller = "test";
  job.deadline = deadline;
  job.run = [run = std::move(run)](KeyService& door) mutable -> std::optional<Work> {
    run(door);
    return std::nullopt;
  };
  job.refuse = [fate](Refusal why) {
    if (fate != nullptr) fate->refused.set_value(why);
  };
  return job;
}

// Why the executors refuse a job now; nothing where they take it.
std::optional<Refusal> refusal_of(Executors& executors, Lane lane) {
  auto why = std::make_shared<std::optional<Refusal>>();
  Job job = job_of([](KeyService&) {});
  job.refuse = [why](Refusal said) { *why = said; };
  executors.submit(lane, std::move(job));
  return *why;
}

// Keeps one executor busy until its end.
struct Occupied {
  Occupied(Executors& executors, Lane lane) {
    std::promise<void> begun;
    auto running = begun.get_future();
    executors.submit(lane,
                     job_of([begun = std::move(begun), go = go_.get_future()](KeyService&) mutable {
                       begun.set_value();
                       go.wait();
                     }));
    running.wait();
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;
  ~Occupied() { go_.set_value(); }

 private:
  std::promise<void> go_;
};

ExecutorOptions options_with(std::size_t threads, std::size_t length) {
  ExecutorOptions options;
  options.token_threads = threads;
  options.queue_length = length;
  options.queue_share = length;
  return options;
}

template <typename Claim>
void wait_until(const Claim& holds) {
  const Deadline deadline = deadline_in(std::chrono::seconds(60));
  while (!holds()) {
    REQUIRE_FALSE(has_passed(deadline));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// A wrap of the key app/one on the token's lane.
void submit_wrap(DoorFixture& fixture, Executors& executors, std::promise<bool>& done) {
  Job job = job_of([&fixture, &done](KeyService& service) {
    const Wrap request{fixture.name("app/one"), Secret::copy_of(as_bytes("x")), {}};
    done.set_value(fixture.opened(service.wrap(fixture.call_as("app"), request)).has_value());
  });
  job.work = Work::Symmetric;
  job.steps = one_step(Work::Symmetric);
  executors.submit(Lane::Token, std::move(job));
}

}  // namespace

TEST_CASE_METHOD(DoorFixture, "executors: a full lane refuses and is counted alone",
                 "[core][telemetry][executors]") {
  Executors executors(*backend, options_with(1, 2));
  const Occupied occupied(executors, Lane::Host);
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  CHECK(refusal_of(executors, Lane::Host) == Refusal::OwnShare);
  CHECK(series_of(executors, "keyward_queue_length{lane=\"host\"}") == "2");
  CHECK(series_of(executors, "keyward_queue_refused_total{lane=\"host\",reason=\"share\"}") == "1");
  CHECK(series_of(executors, "keyward_queue_refused_total{lane=\"token\",reason=\"share\"}") ==
        "0");
  CHECK(series_of(executors, "keyward_queue_wait_seconds_count{lane=\"host\"}") == "1");
}

TEST_CASE_METHOD(DoorFixture, "executors: a caller gets a quarter of a queue if nobody says more",
                 "[core][executors]") {
  ExecutorOptions options = options_with(1, 8);
  options.queue_share = 0;
  Executors executors(*backend, options);
  const Occupied occupied(executors, Lane::Host);
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  CHECK(refusal_of(executors, Lane::Host) == Refusal::OwnShare);
}

TEST_CASE_METHOD(DoorFixture, "executors: another queue length holds at once",
                 "[core][executors]") {
  Executors executors(*backend, options_with(1, 1));
  const Occupied occupied(executors, Lane::Host);
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  CHECK(refusal_of(executors, Lane::Host));
  executors.set_queue_length(2, 2);
  CHECK_FALSE(refusal_of(executors, Lane::Host));
  executors.set_queue_length(1, 1);
  CHECK(refusal_of(executors, Lane::Host));
  CHECK(series_of(executors, "keyward_queue_length{lane=\"host\"}") == "2");
}

TEST_CASE_METHOD(DoorFixture, "executors: a job too late in the queue is told and counted",
                 "[core][executors]") {
  Fate fate;
  Executors executors(*backend, options_with(1, 2));
  executors.submit(Lane::Token,
                   job_of([](KeyService&) { FAIL("it was late"); }, &fate, Clock::now()));
  CHECK(fate.refused.get_future().get() == Refusal::Late);
  CHECK(series_of(executors, "keyward_queue_refused_total{lane=\"token\",reason=\"late\"}") == "1");
}

TEST_CASE_METHOD(DoorFixture, "executors: a single call goes between the items of a batch",
                 "[core][executors]") {
  Executors executors(*backend, options_with(1, 8));
  std::promise<void> begun;
  std::promise<void> go_on;
  std::promise<int> single_at;
  std::promise<int> ended;
  std::atomic<int> items = 0;
  Job batch = job_of([](KeyService&) {});
  batch.run = [&, gate = go_on.get_future()](KeyService&) -> std::optional<Work> {
    if (items == 0) {
      begun.set_value();
      gate.wait();
    }
    if (++items < 1000) return Work::Host;
    ended.set_value(items);
    return std::nullopt;
  };
  executors.submit(Lane::Batch, std::move(batch));
  begun.get_future().wait();
  executors.submit(Lane::Token, job_of([&](KeyService&) { single_at.set_value(items); }));
  go_on.set_value();
  CHECK(single_at.get_future().get() == 1);
  CHECK(ended.get_future().get() == 1000);
}

// Each waits for all the others, so one thread too few is seen.
TEST_CASE_METHOD(DoorFixture, "executors: jobs that come in one breath run at once",
                 "[core][executors]") {
  constexpr int kThreads = 3;
  Executors executors(*backend, options_with(kThreads, 8));
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> begun = 0;
    std::array<std::promise<bool>, kThreads> met;
    for (std::promise<bool>& each : met) {
      executors.submit(Lane::Token, job_of([&begun, &each](KeyService&) {
                         ++begun;
                         const Deadline deadline = deadline_in(std::chrono::seconds(10));
                         while (begun < kThreads && !has_passed(deadline))
                           std::this_thread::yield();
                         each.set_value(begun == kThreads);
                       }));
    }
    bool all = true;
    for (std::promise<bool>& each : met) all = each.get_future().get() && all;
    REQUIRE(all);
  }
}

TEST_CASE_METHOD(DoorFixture, "executors: a hung token call holds one of them, nothing else",
                 "[core][executors][fault]") {
  make_key("app/one", "xaes-256-gcm");
  Executors executors(*backend, options_with(2, 8));
  hsm.rules("hang C_Encrypt 1");
  std::promise<bool> hung;
  submit_wrap(*this, executors, hung);
  wait_until([&] { return hsm.hanging() > 0; });
  for (int i = 0; i < 5; ++i) {
    std::promise<bool> free;
    submit_wrap(*this, executors, free);
    CHECK(free.get_future().get());
  }
  hsm.clear();
  CHECK(hung.get_future().get());
}

TEST_CASE_METHOD(DoorFixture, "executors: the thread of a hung call is replaced, also the last one",
                 "[core][executors][fault]") {
  make_key("app/one", "xaes-256-gcm");
  ExecutorOptions options = options_with(1, 8);
  options.hung_after = std::chrono::milliseconds(200);
  Executors executors(*backend, options);
  hsm.rules("hang C_Encrypt 1");
  std::promise<bool> hung;
  submit_wrap(*this, executors, hung);
  wait_until([&] { return series_of(executors, "keyward_calls_hanging") == "1"; });
  std::promise<bool> free;
  submit_wrap(*this, executors, free);
  CHECK(free.get_future().get());
  CHECK(series_of(executors, "keyward_calls_hung_total{lane=\"token\"}") == "1");
  CHECK(series_of(executors, "keyward_threads_replaced_total{lane=\"token\"}") == "1");
  CHECK_FALSE(executors.is_exhausted());
  hsm.clear();
  CHECK(hung.get_future().get());  // its answer still counts
  wait_until([&] { return series_of(executors, "keyward_calls_hanging") == "0"; });
  CHECK(executors.close(deadline_in(std::chrono::seconds(60))));
}

TEST_CASE_METHOD(DoorFixture,
                 "executors: with more hung calls than may be the service is exhausted",
                 "[core][executors][fault]") {
  make_key("app/one", "xaes-256-gcm");
  ExecutorOptions options = options_with(2, 8);
  options.hung_after = std::chrono::milliseconds(50);
  options.most_hung = 1;
  Executors executors(*backend, options);
  hsm.rules("hang C_Encrypt *");
  std::promise<bool> first;
  std::promise<bool> second;
  submit_wrap(*this, executors, first);
  submit_wrap(*this, executors, second);
  wait_until([&] { return executors.is_exhausted(); });
  CHECK(series_of(executors, "keyward_calls_hung_total{lane=\"token\"}") == "2");
  CHECK(series_of(executors, "keyward_threads_replaced_total{lane=\"token\"}") == "1");
  Fate fate;
  CHECK_FALSE(executors.close(Clock::now()));
  executors.submit(Lane::Token, job_of([](KeyService&) {}, &fate));
  CHECK(fate.refused.get_future().get() == Refusal::QueueFull);
  hsm.clear();
  CHECK(first.get_future().get());
  CHECK(second.get_future().get());
}

TEST_CASE_METHOD(DoorFixture, "executors: closing does what waits, and refuses it at the deadline",
                 "[core][executors]") {
  Executors executors(*backend, options_with(1, 8));
  Fate waiting;
  std::promise<void> go_on;
  std::promise<void> begun;
  executors.submit(Lane::Token, job_of([&](KeyService&) {
                     begun.set_value();
                     go_on.get_future().wait();
                   }));
  begun.get_future().wait();
  executors.submit(Lane::Token, job_of([](KeyService&) { FAIL("it was refused"); }, &waiting));
  CHECK_FALSE(executors.close(deadline_in(std::chrono::milliseconds(10))));
  CHECK(waiting.refused.get_future().get() == Refusal::QueueFull);
  go_on.set_value();
  CHECK(executors.close(deadline_in(std::chrono::seconds(60))));
}

// Its first step reads it, and submits what it asks for.
TEST_CASE_METHOD(DoorFixture, "executors: a batch that is unread when they close is refused",
                 "[core][executors]") {
  Executors executors(*backend, options_with(1, 8));
  Fate batch;
  std::optional<Occupied> busy(std::in_place, executors, Lane::Token);
  executors.submit(Lane::Batch, job_of([&](KeyService&) {
                     executors.submit(Lane::Batch,
                                      job_of([](KeyService&) { FAIL("it was refused"); }, &batch));
                   }));
  std::future<bool> closed = std::async(
      std::launch::async, [&] { return executors.close(deadline_in(std::chrono::seconds(60))); });
  wait_until([&] { return refusal_of(executors, Lane::Batch) == Refusal::QueueFull; });
  busy.reset();
  CHECK(batch.refused.get_future().get() == Refusal::QueueFull);
  CHECK(closed.get());
}

TEST_CASE_METHOD(DoorFixture, "backend: closing does not wait for a token that does not sign",
                 "[core][backend][fault]") {
  make_key("app/one", "xaes-256-gcm");
  wrap("app/one", "x", {});
  hsm.rules("hang C_Sign *");
  door.reset();
  CHECK_FALSE(backend->close(deadline_in(std::chrono::milliseconds(200))));
  hsm.clear();
  CHECK(backend->close(deadline_in(std::chrono::seconds(60))));
  backend.reset();
  CHECK(last_record()["event"] == "stop");
}

}  // namespace kw::core
