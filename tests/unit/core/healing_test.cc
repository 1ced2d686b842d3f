// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <thread>

#include "tests/unit/core/outage_fixture.h"

namespace kw::core {
namespace {

struct FrequentLogins : OutageFixture {
  static HealerOptions options() {
    HealerOptions frequent;
    frequent.between_logins = std::chrono::seconds(2);
    return frequent;
  }
  FrequentLogins() : OutageFixture(options()) {}
};

}  // namespace

TEST_CASE_METHOD(OutageFixture, "session lost: the same work is done once more in another one",
                 "[core][healing][fault]") {
  for (const char* const code :
       {"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_OPERATION_ACTIVE"}) {
    hsm.rules(std::string("fail C_Sign 1 ") + code);
    CHECK(sign());
    hsm.clear();
  }
  CHECK(metric("keyward_token_repeated_total") == 3);
  CHECK(epochs() == 1);
}

TEST_CASE_METHOD(OutageFixture,
                 "session lost twice: the caller is told, and nothing is tried again",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit * CKR_SESSION_CLOSED");
  CHECK_CODE(sign(), Code::Unavailable);
  CHECK(hsm.count("C_SignInit") == 2);
  hsm.clear();
  CHECK(sign());
}

TEST_CASE_METHOD(OutageFixture, "session lost past the deadline: there is no second try",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("delay C_SignInit 1 300ms; fail C_Sign 1 CKR_SESSION_CLOSED");
  const Call call = call_as("app", deadline_in(std::chrono::milliseconds(200)));
  const auto late =
      opened(door->sign(call, {name("app/sign"), Message{Secret::copy_of(as_bytes("m"))}}));
  CHECK_FALSE(late);  // decided too late, or worked too late
  CHECK(hsm.count("C_Sign") <= 1);
}

TEST_CASE_METHOD(OutageFixture, "handle lost: found again, compared with the catalog, used",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(sign());
  CHECK(hsm.count("C_FindObjectsInit") >= 2);  // the private half, and both for the comparison
  CHECK(epochs() == 1);
}

TEST_CASE_METHOD(OutageFixture, "making a key is never done twice", "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_GenerateKey 1 CKR_SESSION_HANDLE_INVALID");
  const CreateKey request{name("app/once"), "xaes-256-gcm", {}};
  CHECK_CODE(opened(door->create_key(call_as("admin"), request)), Code::Unavailable);
  CHECK(hsm.count("C_GenerateKey") == 1);
  CHECK_CODE(opened(door->show_key(call_as("app"), name("app/once"))), Code::NotFound);
}

TEST_CASE_METHOD(OutageFixture, "login lost: one thread logs in, all others wait and go on",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit 5 CKR_USER_NOT_LOGGED_IN");
  const auto sign_elsewhere = [this] {
    KeyService other(*backend);
    const Sign request{name("app/sign"), Message{Secret::copy_of(as_bytes("m"))}};
    int signatures = 0;
    for (int i = 0; i < 5; ++i) {
      signatures += static_cast<int>(opened(other.sign(call_as("app"), request)).has_value());
    }
    return signatures;
  };
  auto one = std::async(std::launch::async, sign_elsewhere);
  auto two = std::async(std::launch::async, sign_elsewhere);
  CHECK(one.get() == 5);
  CHECK(two.get() == 5);
  CHECK(hsm.count("C_Login") == 1);
  CHECK(epochs() == 2);
}

TEST_CASE_METHOD(FrequentLogins, "login lost at once again: out of service, then tried later",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit 1 CKR_USER_NOT_LOGGED_IN; fail C_SignInit 2 CKR_USER_NOT_LOGGED_IN");
  (void)sign();  // the second loss may meet its second try, or the comparison of its key
  await("out of service", [this] { return metric("keyward_token_outages_total") == 1; });
  await_service();
  CHECK(hsm.count("C_Login") == 2);
  CHECK(epochs() == 3);
}

TEST_CASE_METHOD(OutageFixture, "garbage never resets the token, however much of it there is",
                 "[core][healing][fault]") {
  Bytes garbage = blob;
  garbage.back() ^= 1;
  for (int i = 0; i < 50; ++i) {
    CHECK_CODE(opened(door->unwrap(call_as("app"), {garbage, none, std::nullopt})),
               Code::InvalidArgument);
  }
  CHECK(metric("keyward_token_outages_total") == 0);
  CHECK(epochs() == 1);
  CHECK(all_work());
}

TEST_CASE_METHOD(OutageFixture, "a sick token is told from a caller's garbage by a known answer",
                 "[core][healing][fault]") {
  hsm.rules("fail C_Decrypt * CKR_GENERAL_ERROR; fail C_DeriveKey * CKR_GENERAL_ERROR");
  CHECK_CODE(unwrap(), Code::Unavailable);
  await("out of service", [this] { return metric("keyward_token_outages_total") == 1; });
  CHECK_CODE(unwrap(), Code::Unavailable);
  hsm.clear();
  await_service();
  CHECK(epochs() == 2);
}

TEST_CASE_METHOD(OutageFixture, "module down: refused at once, with reasons, until it works again",
                 "[core][healing][fault]") {
  hsm.rules(
      "fail C_SignInit * CKR_DEVICE_REMOVED; fail C_DeriveKey * CKR_DEVICE_REMOVED;"
      "fail C_Initialize * CKR_DEVICE_REMOVED");
  CHECK_CODE(sign(), Code::Unavailable);
  await("open", [this] { return metric("keyward_token_breaker{state=\"open\"}") == 1; });
  hsm.clear();
  hsm.rules("fail C_Initialize * CKR_DEVICE_REMOVED");
  CHECK_CODE(sign(), Code::Unavailable);
  CHECK(hsm.count("C_SignInit") == 0);  // nothing reached the token
  CHECK_FALSE(backend->troubles().empty());
  hsm.clear();
  await_service();
}

TEST_CASE_METHOD(OutageFixture, "a module that cannot even be finalized is mended later",
                 "[core][healing][fault]") {
  hsm.rules(
      "fail C_SignInit * CKR_DEVICE_ERROR; fail C_DeriveKey * CKR_DEVICE_ERROR;"
      "fail C_Finalize * CKR_DEVICE_ERROR");
  CHECK_CODE(sign(), Code::Unavailable);
  await("tried", [this] { return metric("keyward_token_bringups_total") >= 2; });
  hsm.clear();
  await_service();
}

TEST_CASE_METHOD(OutageFixture,
                 "a failure that a known answer does not confirm resets only in numbers",
                 "[core][healing][fault]") {
  const auto counted = [&] { return metric("keyward_token_unconfirmed_failures_total"); };
  for (double before = 0; before < 3; before = counted()) {
    const bool was_reset = epochs() > 1;
    CHECK((!was_reset || counted() >= 3));
    hsm.rules("fail C_SignInit 1 2147483649");  // a vendor's own
    const auto made = sign();
    if (made) continue;  // the healer's look at the one before met the rule
    CHECK(made.error().code() == Code::Unavailable);
    await("looked into", [&] { return counted() > before; });
  }
  await("another epoch", [this] { return epochs() == 2; });
  await_service();
}

TEST_CASE_METHOD(OutageFixture,
                 "a key that the token cannot work with is put aside, alone, for a while",
                 "[core][healing][fault]") {
  hsm.rules("fail C_SignInit 1 CKR_KEY_FUNCTION_NOT_PERMITTED");
  CHECK_CODE(sign(), Code::Internal);
  CHECK_CODE(sign(), Code::Unavailable);
  CHECK(metric("keyward_quarantined_versions") == 1);
  CHECK(unwrap());
  CHECK(mac());
  await_service();  // it stood a comparison
  CHECK(metric("keyward_quarantined_versions") == 0);
  CHECK(epochs() == 1);
}

TEST_CASE_METHOD(OutageFixture,
                 "a hung call keeps the module from being reset, and nothing else waits",
                 "[core][healing][fault]") {
  hsm.clear();
  hsm.rules("hang C_SignInit 1");
  auto hung = std::async(std::launch::async, [this] {
    KeyService other(*backend);
    return opened(other.sign(call_as("app"),
                             {name("app/sign"), Message{Secret::copy_of(as_bytes("m"))}}))
        .has_value();
  });
  await("hung", [this] { return hsm.hanging() == 1; });
  hsm.rules("fail C_DeriveKey * CKR_DEVICE_ERROR; fail C_SignInit * CKR_DEVICE_ERROR");
  CHECK_CODE(mac(), Code::Unavailable);
  await("open", [this] { return metric("keyward_token_breaker{state=\"open\"}") == 1; });
  await("tried to get everybody out", [this] { return !is_ready(); });
  CHECK(hsm.count("C_Finalize") == 0);
  CHECK_CODE(unwrap(), Code::Unavailable);
  hsm.clear();  // the call returns, and answers
  (void)hung.get();
  await_service();
  CHECK(epochs() == 2);
}

}  // namespace kw::core
