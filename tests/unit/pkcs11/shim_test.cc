// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "base/file.h"
#include "tests/shim/rules.h"
#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::shim {
using test::SoftHsm;

TEST_CASE("shim: rules name a call, when, and what then", "[shim]") {
  const auto parsed = parse_rules(
      "fail C_Encrypt 3 CKR_DEVICE_ERROR\ndelay C_Sign */2 200ms;hang C_Decrypt *\n\n"
      "fail C_Sign 1 2147483650");
  REQUIRE(parsed.rules.size() == 4);
  CHECK(parsed.rules[0].rv == CKR_DEVICE_ERROR);
  CHECK(parsed.rules[1].delay.count() == 200);
  CHECK(parsed.rules[2].action == Rule::Action::Hang);
  CHECK(parsed.rules[3].rv == 0x80000002);
}

TEST_CASE("shim: what is no rule is refused with its line", "[shim]") {
  const std::string text = GENERATE(
      "fail C_Encrypt 3", "fail C_Encrypt 0 CKR_DEVICE_ERROR", "fail C_Encrypt 1 CKR_NONE",
      "fail Encrypt 1 CKR_DEVICE_ERROR", "delay C_Sign 1 200", "delay C_Sign 1 ms", "hang C_Sign",
      "hang C_Sign 1 x", "break C_Sign 1", "fail C_Sign */0 CKR_CANCEL", "fail C_Sign 1 CKR_OK");
  INFO(text);
  CHECK(parse_rules("hang C_Sign 1\n" + text).bad_line == 2);
}

TEST_CASE("shim: a rule counts its own calls", "[shim]") {
  const auto pattern = [](std::string_view when) {
    auto rule = parse_rule("fail C_Sign " + std::string(when) + " CKR_CANCEL").value();
    std::string seen;
    for (int i = 0; i < 6; ++i) {
      seen += rule.applies() ? 'x' : '.';
    }
    return seen;
  };
  CHECK(pattern("3") == "..x...");
  CHECK(pattern("*") == "xxxxxx");
  CHECK(pattern("*/2") == ".x.x.x");
}

TEST_CASE("shim: records each call with mechanism and answer", "[shim]") {
  const SoftHsm hsm;
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    hsm.rules("fail C_GenerateRandom 1 CKR_DEVICE_ERROR");
    std::array<std::uint8_t, 4> out{};
    CHECK_FALSE(session.generate_random(out));
    CHECK_FALSE(session.sign(pkcs11::Mechanism::ecdsa(), pkcs11::ObjectHandle{99}, Bytes(32)));
  }
  const std::string record = REQUIRE_OK(read_file(hsm.record()));
  CHECK(record.find("C_Login - CKR_OK\n") != std::string::npos);
  CHECK(record.find("C_GenerateRandom - CKR_DEVICE_ERROR\n") != std::string::npos);
  CHECK(record.find("C_SignInit 0x1041 CKR_") != std::string::npos);
  CHECK(record.ends_with("C_Finalize - CKR_OK\n"));
}

TEST_CASE("shim: a hung call hangs until the rules are cleared", "[shim]") {
  const SoftHsm hsm;
  const auto token = hsm.open();
  auto session = REQUIRE_OK(token->open_session());
  hsm.rules("hang C_GenerateRandom 1");
  std::array<std::uint8_t, 4> out{};
  bool succeeded = false;
  std::thread caller([&] { succeeded = session.generate_random(out).has_value(); });
  while (hsm.hanging() == 0) {
    std::this_thread::yield();
  }
  hsm.clear();
  caller.join();
  CHECK(succeeded);
}

}  // namespace kw::shim
