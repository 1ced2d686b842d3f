// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/token.h"

#include "pkcs11/provision.h"
#include "pkcs11/return_value.h"
#include "pkcs11/slots.h"
#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::pkcs11 {
using test::SoftHsm;

TEST_CASE("module: a path that is no module is refused", "[pkcs11][module]") {
  CHECK_CODE(Module::load("/nonexistent/module.so"), Code::Unavailable);
  CHECK_CODE(Module::load("libm.so.6"), Code::Unavailable);
}

TEST_CASE("module: is loaded once at a time, and again after its end", "[pkcs11][module]") {
  const SoftHsm hsm;
  {
    const auto module = hsm.load();
    CHECK(module->identity().manufacturer == "SoftHSM");
    CHECK_CODE(Module::load(hsm.module_path()), Code::FailedPrecondition);
  }
  CHECK(hsm.load() != nullptr);
}

TEST_CASE("token: is found by label, logged in once and named", "[pkcs11][token]") {
  const SoftHsm hsm;
  const auto token = hsm.open();
  CHECK(token->identity().label == "keyward");
  CHECK(token->identity().model == "SoftHSM v2");
  CHECK(token->identity().serial.size() == 16);
  CHECK(hsm.count("C_Login") == 1);
  CHECK(hsm.count("C_Logout") == 0);
}

TEST_CASE("token: a wrong PIN is tried once and calls for the latch", "[pkcs11][token]") {
  const SoftHsm hsm;
  const auto opened = Token::open(hsm.load(), hsm.uri(), Secret::copy_of(as_bytes("wrong")));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code() == Code::Unavailable);
  CHECK(rv_class(opened.error()) == RvClass::Latch);
  CHECK(opened.error().detail().find("wrong") == std::string::npos);
  CHECK(hsm.count("C_Login") == 1);
}

TEST_CASE("token: being logged in already is success", "[pkcs11][token]") {
  const SoftHsm hsm;
  const auto module = hsm.load();
  const auto first = REQUIRE_OK(Token::open(module, hsm.uri(), hsm.pin()));
  const auto second = REQUIRE_OK(Token::open(module, hsm.uri(), hsm.pin()));
  CHECK(first->identity() == second->identity());
}

TEST_CASE("token: exactly one must match", "[pkcs11][token]") {
  const SoftHsm hsm;
  hsm.add_token(SoftHsm::kLabel);
  const auto module = hsm.load();
  CHECK_CODE(Token::open(module, hsm.uri(), hsm.pin()), Code::FailedPrecondition);
  CHECK_CODE(Token::open(module, TokenUri::of_label("other"), hsm.pin()), Code::Unavailable);
  for (const TokenSlot& slot : REQUIRE_OK(list_tokens(*module))) {
    if (slot.initialized) {
      const auto uri = REQUIRE_OK(TokenUri::parse("pkcs11:serial=" + slot.identity.serial));
      CHECK(REQUIRE_OK(Token::open(module, uri, hsm.pin()))->identity() == slot.identity);
    }
  }
}

TEST_CASE("token: its end is the logout", "[pkcs11][token]") {
  const SoftHsm hsm;
  const auto module = hsm.load();
  { const auto token = REQUIRE_OK(Token::open(module, hsm.uri(), hsm.pin())); }
  CHECK_FALSE(Token::open(module, hsm.uri(), Secret::copy_of(as_bytes("wrong"))));
  CHECK(hsm.count("C_Logout") == 0);
}

TEST_CASE("token: a failure on the way is answered, not hidden", "[pkcs11][token][fault]") {
  const SoftHsm hsm;
  const auto module = hsm.load();
  const std::string function =
      GENERATE("C_GetSlotList", "C_GetTokenInfo", "C_OpenSession", "C_Login");
  INFO(function);
  hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
  const auto opened = Token::open(module, hsm.uri(), hsm.pin());
  REQUIRE_FALSE(opened);
  CHECK(opened.error().detail() == function + ": CKR_DEVICE_ERROR");
  CHECK(REQUIRE_OK(Token::open(module, hsm.uri(), hsm.pin()))->identity().label == "keyward");
}

TEST_CASE("module: a failing C_Initialize is answered", "[pkcs11][module][fault]") {
  const SoftHsm hsm;
  hsm.rules("fail C_Initialize 1 CKR_CANT_LOCK");
  const auto module = Module::load(hsm.module_path());
  REQUIRE_FALSE(module);
  CHECK(rv_class(module.error()) == RvClass::Host);
}

TEST_CASE("provision: a label has 1 to 32 bytes", "[pkcs11][provision]") {
  const SoftHsm hsm;
  const auto module = hsm.load();
  CHECK_CODE(initialise_token(module, "", hsm.pin(), hsm.pin()), Code::InvalidArgument);
  CHECK_CODE(initialise_token(module, std::string(33, 'x'), hsm.pin(), hsm.pin()),
             Code::InvalidArgument);
}

}  // namespace kw::pkcs11
