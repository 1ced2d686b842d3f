// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "service/core/executors.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {

TEST_CASE_METHOD(DoorFixture, "seal: the answer comes with its record durable and its receipt",
                 "[core][seal]") {
  make_key("app/one", "xaes-256-gcm");
  std::promise<Receipt> promise;
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  backend->release<Wrapped>(door->wrap(call_as("app"), request),
                            [&promise](Result<Wrapped> result, std::optional<Receipt> receipt) {
                              CHECK(result.has_value());
                              REQUIRE(receipt.has_value());
                              promise.set_value(*receipt);
                            });
  const Receipt receipt = promise.get_future().get();
  CHECK(receipt.index + 1 == records().size());
}

TEST_CASE_METHOD(DoorFixture, "seal: a log that is gone releases nothing", "[core][seal][fault]") {
  make_key("app/one", "xaes-256-gcm");
  for (const auto& entry : std::filesystem::directory_iterator(folder / "audit")) {
    if (entry.path().extension() == ".kwa") std::filesystem::remove(entry.path());
  }
  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::Unavailable);
  CHECK_FALSE(backend->troubles().empty());
  hsm.clear();
  CHECK_CODE(opened(door->create_key(call_as("admin"), {name("app/two"), "hmac-sha256", {}})),
             Code::Unavailable);
  CHECK(hsm.count("C_GenerateKey") == 0);  // no durable intent, no act
}

TEST_CASE_METHOD(DoorFixture, "seal: a request that cannot be read is on record", "[core][seal]") {
  const auto refused = opened(door->refuse(
      call_as("app"), "wrap", refusal(Code::InvalidArgument, "field \"key\" missing")));
  CHECK_CODE(refused, Code::InvalidArgument);
  CHECK(last_record()["operation"] == "wrap");
  CHECK(last_record()["outcome"] == "invalid_argument");
}

TEST_CASE_METHOD(DoorFixture, "executors: a hung token call holds one of them, nothing else",
                 "[core][executors][fault]") {
  make_key("app/one", "xaes-256-gcm");
  Executors executors(*backend, {.token_threads = 2, .queue_length = 8});
  const auto submit_wrap = [&](std::promise<bool>& done) {
    Job job{.deadline = deadline_in(std::chrono::seconds(30)),
            .run =
                [this, &done](KeyService& service) {
                  const Wrap request{name("app/one"), Secret::copy_of(as_bytes("x")), {}};
                  done.set_value(opened(service.wrap(call_as("app"), request)).has_value());
                },
            .late = [] {}};
    return executors.submit(Lane::Token, std::move(job));
  };
  hsm.rules("hang C_Encrypt 1");
  std::promise<bool> hung;
  REQUIRE(submit_wrap(hung));
  while (hsm.hanging() == 0) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    std::promise<bool> free;
    REQUIRE(submit_wrap(free));
    CHECK(free.get_future().get());
  }
  hsm.clear();
  CHECK(hung.get_future().get());
}

TEST_CASE_METHOD(DoorFixture, "executors: a full lane refuses at once, a late job is told so",
                 "[core][executors]") {
  std::promise<void> started;
  std::promise<void> go_on;
  std::promise<void> told;
  std::shared_future<void> gate = go_on.get_future().share();
  {
    Executors executors(*backend, {.token_threads = 1, .queue_length = 1});
    const Deadline later = deadline_in(std::chrono::seconds(30));
    REQUIRE(executors.submit(Lane::Token, {later,
                                           [&started, gate](KeyService&) {
                                             started.set_value();
                                             gate.wait();
                                           },
                                           [] {}}));
    started.get_future().wait();
    const Deadline now = Clock::now();
    REQUIRE(executors.submit(Lane::Token, {now, [](KeyService&) { FAIL("it was late"); },
                                           [&told] { told.set_value(); }}));
    CHECK_FALSE(executors.submit(Lane::Token, {later, [](KeyService&) {}, [] {}}));
    go_on.set_value();
    told.get_future().wait();
  }
}

TEST_CASE_METHOD(DoorFixture, "maintain: a token that stops answering shows in troubles",
                 "[core][backend][fault]") {
  door->maintain();
  CHECK(backend->troubles().empty());
  hsm.rules("fail C_GenerateRandom * CKR_DEVICE_ERROR");
  door->maintain();
  CHECK(backend->troubles() == std::vector<std::string>{"the token does not answer"});
  hsm.clear();
  door->maintain();
  CHECK(backend->troubles().empty());
}

}  // namespace kw::core
