// SPDX-License-Identifier: Apache-2.0
#include <future>

#include "service/core/executors.h"
#include "service/telemetry/page.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

// The value behind a series of a page, as it is written.
template <typename Room>
std::string value_in(const Room& room, const std::string& series) {
  telemetry::Page page;
  room.describe(page);
  const std::string text = "\n" + page.text();
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return "no " + series;
  const std::size_t begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

Job job_of(
    Task<void(KeyService&)> run, Task<void()> late = [] {}) {
  return {deadline_in(std::chrono::seconds(30)), std::move(run), std::move(late)};
}

// Keeps one executor busy until its end.
struct Occupied {
  Occupied(Executors& executors, Lane lane) {
    std::promise<void> begun;
    auto running = begun.get_future();
    const bool taken = executors.submit(
        lane, job_of([begun = std::move(begun), go = go_.get_future()](KeyService&) mutable {
          begun.set_value();
          go.wait();
        }));
    REQUIRE(taken);
    running.wait();
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;
  ~Occupied() { go_.set_value(); }

 private:
  std::promise<void> go_;
};

}  // namespace

TEST_CASE_METHOD(DoorFixture, "describe: decisions count by operation and verdict",
                 "[core][telemetry]") {
  make_key("app/described", "xaes-256-gcm");
  const auto decisions = [&](const std::string& what) {
    return value_in(*backend,
                    "keyward_decisions_total{operation=\"wrap\",decision=\"" + what + "\"}");
  };
  CHECK(decisions("allowed") == "0");
  const Wrap request{name("app/described"), Secret::copy_of(as_bytes("a")), {}};
  REQUIRE_OK(opened(door->wrap(call_as("app"), request)));
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK(decisions("allowed") == "1");
  CHECK(decisions("denied") == "2");
}

TEST_CASE_METHOD(DoorFixture, "describe: who may unwrap nothing is one denied decision",
                 "[core][telemetry]") {
  const Unwrap request{{1, 2, 3}, {}, {}};
  CHECK_CODE(opened(door->unwrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK(value_in(*backend, "keyward_decisions_total{operation=\"unwrap\",decision=\"denied\"}") ==
        "1");
}

TEST_CASE_METHOD(DoorFixture, "describe: a token that is away is down, and comes back",
                 "[core][telemetry]") {
  CHECK(value_in(*backend, "keyward_token_up") == "1");
  hsm.rules("fail C_GenerateRandom * CKR_TOKEN_NOT_PRESENT");
  door->maintain();
  CHECK(value_in(*backend, "keyward_token_up") == "0");
  CHECK(value_in(*backend, "keyward_token_errors_total{class=\"module\"}") == "1");
  CHECK(std::stod(value_in(*backend, "keyward_token_sign_of_life_age_seconds")) > 0);
  hsm.clear();
  door->maintain();
  CHECK(value_in(*backend, "keyward_token_up") == "1");
}

TEST_CASE_METHOD(DoorFixture, "describe: the nobodies stay counted when they are on record",
                 "[core][telemetry]") {
  for (int i = 0; i < 3; ++i) backend->count_unauthenticated();
  door->maintain();
  CHECK(value_in(*backend, "keyward_unauthenticated_requests_total") == "3");
}

TEST_CASE_METHOD(DoorFixture, "describe: a policy changes when its text does, not when it is read",
                 "[core][telemetry]") {
  const auto changed = [&] {
    return value_in(*backend, "keyward_policy_changed_timestamp_seconds");
  };
  const std::string before = changed();
  backend->activate(REQUIRE_OK(backend->stage_policy()));
  CHECK(changed() == before);
  write_policy_file(kPolicy + "# another text\n");
  backend->activate(REQUIRE_OK(backend->stage_policy()));
  CHECK(changed() != before);
}

TEST_CASE_METHOD(DoorFixture, "describe: a full lane refuses and is counted alone",
                 "[core][telemetry][executors]") {
  Executors executors(*backend, {.token_threads = 1, .queue_length = 2});
  {
    const Occupied occupied(executors, Lane::Host);
    CHECK(executors.submit(Lane::Host, job_of([](KeyService&) {})));
    CHECK(executors.submit(Lane::Host, job_of([](KeyService&) {})));
    CHECK_FALSE(executors.submit(Lane::Host, job_of([](KeyService&) {})));
    CHECK(value_in(executors, "keyward_queue_length{lane=\"host\"}") == "2");
    CHECK(value_in(executors, "keyward_queue_refused_total{lane=\"host\"}") == "1");
    CHECK(value_in(executors, "keyward_queue_refused_total{lane=\"token\"}") == "0");
  }
}

TEST_CASE_METHOD(DoorFixture, "executors: another queue length holds at once",
                 "[core][executors]") {
  Executors executors(*backend, {.token_threads = 1, .queue_length = 1});
  const Occupied occupied(executors, Lane::Host);
  CHECK(executors.submit(Lane::Host, job_of([](KeyService&) {})));
  CHECK_FALSE(executors.submit(Lane::Host, job_of([](KeyService&) {})));
  executors.set_queue_length(2);
  CHECK(executors.submit(Lane::Host, job_of([](KeyService&) {})));
  executors.set_queue_length(1);
  CHECK_FALSE(executors.submit(Lane::Host, job_of([](KeyService&) {})));
  CHECK(value_in(executors, "keyward_queue_length{lane=\"host\"}") == "2");
}

TEST_CASE_METHOD(DoorFixture, "executors: a job too late in the queue is told and counted",
                 "[core][executors]") {
  std::promise<void> told;
  Executors executors(*backend, {.token_threads = 1, .queue_length = 2});
  REQUIRE(executors.submit(Lane::Host,
                           {Clock::now(), [](KeyService&) {}, [&told] { told.set_value(); }}));
  told.get_future().wait();
  CHECK(value_in(executors, "keyward_queue_late_total{lane=\"host\"}") == "1");
}

}  // namespace kw::core
