// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "service/core/pin_latch.h"
#include "tests/unit/core/outage_fixture.h"

namespace kw::core {
namespace {

Deadline soon() { return deadline_in(std::chrono::seconds(60)); }

}  // namespace

TEST_CASE_METHOD(OutageFixture, "renew: the same access changes nothing", "[core][renewal]") {
  REQUIRE_OK(backend->renew_token(access(), soon()));
  CHECK(epochs() == 1);
}

TEST_CASE_METHOD(OutageFixture, "renew: another way to the same token is another epoch, unnoticed",
                 "[core][renewal]") {
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  std::atomic<int> failed = 0;
  std::thread caller([&] {
    KeyService other(*backend);
    while (!done) {
      const Call call = call_as("app");
      const auto answer =
          opened(other.mac(call, {name("app/mac"), Secret::copy_of(as_bytes("m"))}));
      ++(answer ? answered : failed);
    }
  });
  for (int i = 0; i < 5; ++i) {
    TokenAccess other = access();
    if (i % 2 == 0) other.uri = "pkcs11:token=keyward;manufacturer=SoftHSM%20project";
    REQUIRE_OK(backend->renew_token(std::move(other), soon()));
  }
  done = true;
  caller.join();
  CHECK(epochs() == 6);
  REQUIRE_OK(backend->revert_token(soon()));
  CHECK(epochs() == 7);
  CHECK(answered > 0);
  CHECK(failed == 0);
  CHECK(all_work());
}

TEST_CASE_METHOD(OutageFixture, "renew: what fails leaves everything as it was",
                 "[core][renewal]") {
  hsm.clear();
  SECTION("no such module") {
    TokenAccess wrong = access();
    wrong.module = "/nonexistent/module.so";
    CHECK_CODE(backend->renew_token(std::move(wrong), soon()), Code::Unavailable);
  }
  SECTION("no such token") {
    TokenAccess wrong = access();
    wrong.uri = "pkcs11:token=other";
    CHECK_CODE(backend->renew_token(std::move(wrong), soon()), Code::Unavailable);
  }
  SECTION("not a URI") {
    TokenAccess wrong = access();
    wrong.uri = "token";
    CHECK_CODE(backend->renew_token(std::move(wrong), soon()), Code::InvalidArgument);
  }
  SECTION("no such folder") {
    TokenAccess wrong = access();
    wrong.directory = "/nonexistent";
    CHECK_CODE(backend->renew_token(std::move(wrong), soon()), Code::Unavailable);
  }
  SECTION("a PIN that the token refuses: the one before is still good") {
    TokenAccess wrong = access();
    wrong.pin = Secret::copy_of(as_bytes("4321-refused"));
    CHECK_CODE(backend->renew_token(std::move(wrong), soon()), Code::Unavailable);
    CHECK(hsm.count("C_Login") == 2);
    CHECK_FALSE(REQUIRE_OK(PinLatch::beside(folder / "catalog.db").stands()));
  }
  await_service();
  CHECK(epochs() == 2);
}

TEST_CASE_METHOD(OutageFixture, "renew: a token of another service is refused", "[core][renewal]") {
  const std::string make = "softhsm2-util --init-token --free --label other --pin " +
                           std::string(test::SoftHsm::kPin) + " --so-pin " +
                           std::string(test::SoftHsm::kSoPin) + " >/dev/null 2>&1";
  REQUIRE(std::system(make.c_str()) == 0);
  TokenAccess other = access();
  other.uri = "pkcs11:token=other";
  CHECK_FALSE(backend->renew_token(std::move(other), soon()));
  await_service();
}

TEST_CASE_METHOD(OutageFixture, "renew: a call that hangs in the module is waited for, not cut off",
                 "[core][renewal][fault]") {
  hsm.clear();
  hsm.rules("hang C_SignInit 1");
  std::thread hung([this] {
    KeyService other(*backend);
    (void)opened(
        other.sign(call_as("app"), {name("app/sign"), Message{Secret::copy_of(as_bytes("m"))}}));
  });
  await("hung", [this] { return hsm.hanging() == 1; });
  TokenAccess other = access();
  other.uri = "pkcs11:token=keyward;manufacturer=SoftHSM%20project";
  CHECK_CODE(backend->renew_token(std::move(other), soon()), Code::Unavailable);
  CHECK(hsm.count("C_Finalize") == 0);
  hsm.clear();
  hung.join();
  await_service();
}

}  // namespace kw::core
