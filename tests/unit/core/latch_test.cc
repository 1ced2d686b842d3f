// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "service/core/pin_latch.h"
#include "tests/unit/core/outage_fixture.h"

namespace kw::core {
namespace {

struct LatchFixture : OutageFixture {
  PinLatch latch() const { return PinLatch::beside(folder / "catalog.db"); }
};

}  // namespace

TEST_CASE_METHOD(LatchFixture, "a refused PIN reaches the token once, however often one starts",
                 "[core][latch]") {
  close();
  pin = "4321-refused";
  hsm.clear();
  for (int start = 0; start < 100; ++start) CHECK_FALSE(try_open());
  CHECK(hsm.count("C_Login") == 1);
  const std::string text = REQUIRE_OK(read_file(latch().file()));
  CHECK(text.find("CKR_PIN_INCORRECT") != std::string::npos);
  CHECK(text.find("token=keyward") != std::string::npos);
  CHECK(text.find(pin) == std::string::npos);

  // Even the right one is not tried before an operator says so.
  pin = test::SoftHsm::kPin;
  CHECK_CODE(try_open(), Code::FailedPrecondition);
  CHECK(hsm.count("C_Login") == 1);
  CHECK(REQUIRE_OK(latch().lift()));
  CHECK_FALSE(REQUIRE_OK(latch().lift()));
  open();
  CHECK(all_work());
}

TEST_CASE_METHOD(LatchFixture, "every code that speaks of the PIN latches, others do not",
                 "[core][latch][fault]") {
  close();
  for (const char* const code :
       {"CKR_PIN_INCORRECT", "CKR_PIN_LOCKED", "CKR_PIN_EXPIRED", "CKR_PIN_LEN_RANGE",
        "CKR_USER_PIN_NOT_INITIALIZED", "CKR_USER_ANOTHER_ALREADY_LOGGED_IN"}) {
    hsm.rules(std::string("fail C_Login 1 ") + code);
    CHECK_FALSE(try_open());
    hsm.clear();
    CHECK(REQUIRE_OK(read_file(latch().file())).find(code) != std::string::npos);
    CHECK(REQUIRE_OK(latch().lift()));
  }
  hsm.rules("fail C_Login 1 CKR_DEVICE_ERROR");
  CHECK_FALSE(try_open());
  hsm.clear();
  CHECK_FALSE(REQUIRE_OK(latch().stands()));
  open();
}

TEST_CASE_METHOD(LatchFixture,
                 "a running service that meets a refused PIN stays up, sealed, until told",
                 "[core][latch][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit 1 CKR_USER_NOT_LOGGED_IN; fail C_Login 1 CKR_PIN_LOCKED");
  CHECK_CODE(sign(), Code::Unavailable);
  await("latched", [this] { return metric("keyward_token_breaker{state=\"latched\"}") == 1; });
  CHECK(backend->troubles() ==
        std::vector<std::string>{"the token refused the PIN: an operator has to act"});
  CHECK_CODE(sign(), Code::Unavailable);
  REQUIRE_OK(backend->renew_token(access(), deadline_in(std::chrono::seconds(60))));
  TokenAccess other = access();
  other.uri = "pkcs11:token=keyward;manufacturer=SoftHSM%20project";
  CHECK_CODE(backend->renew_token(std::move(other), deadline_in(std::chrono::seconds(60))),
             Code::FailedPrecondition);
  CHECK(hsm.count("C_Login") == 1);
  CHECK(REQUIRE_OK(latch().lift()));
  REQUIRE_OK(backend->renew_token(access(), deadline_in(std::chrono::seconds(60))));
  await_service();
  CHECK(hsm.count("C_Login") == 2);
}

TEST_CASE_METHOD(LatchFixture, "a latch that cannot be written still holds in the running service",
                 "[core][latch][fault]") {
  // A folder in its place: nothing can be renamed over it.
  std::filesystem::create_directories(latch().file() / "in-the-way");
  hsm.clear();
  close();
  CHECK_CODE(try_open(), Code::FailedPrecondition);  // what cannot be read stands
  CHECK(hsm.count("C_Login") == 0);
  std::filesystem::remove_all(latch().file());
  open();
}

}  // namespace kw::core
