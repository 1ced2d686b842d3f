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
