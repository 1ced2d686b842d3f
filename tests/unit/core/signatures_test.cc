// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

ToBeSigned message(std::string_view text) { return Message{Secret::copy_of(as_bytes(text))}; }

}  // namespace

TEST_CASE_METHOD(DoorFixture, "sign: verify agrees, and disagrees about anything else",
                 "[core][signatures]") {
  make_key("app/ec", "ecdsa-p256-sha256");
  const Signed made = REQUIRE_OK(opened(
      door->sign(call_as("app"), {name("app/ec"), message("hello"), SignatureEncoding::Raw})));
  CHECK(made.signature.size() == 64);
  const auto verify = [&](std::string_view text, const char* who) {
    return opened(door->verify(call_as(who), {name("app/ec"), std::nullopt, message(text),
                                              made.signature, SignatureEncoding::Raw}));
  };
  CHECK(REQUIRE_OK(verify("hello", "app")).valid);
  CHECK_FALSE(REQUIRE_OK(verify("hullo", "app")).valid);
  CHECK_CODE(verify("hello", "nobody"), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "sign: a digest of the wrong length is refused (64)",
                 "[core][signatures]") {
  make_key("app/ec", "ecdsa-p256-sha256");
  const auto sign = [this](std::size_t size) {
    return opened(door->sign(call_as("app"),
                             {name("app/ec"), Digest{Bytes(size, 1)}, SignatureEncoding::Der}));
  };
  CHECK(sign(32));
  for (const std::size_t size : {0u, 20u, 31u, 33u, 48u, 64u}) {
    CHECK_CODE(sign(size), Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(DoorFixture, "sign: verification needs no token", "[core][signatures][fault]") {
  make_key("app/ec", "ecdsa-p256-sha256");
  const Signed made = REQUIRE_OK(opened(
      door->sign(call_as("app"), {name("app/ec"), message("hello"), SignatureEncoding::Der})));
  hsm.clear();
  const Verify request{name("app/ec"), made.version, message("hello"), made.signature,
                       SignatureEncoding::Der};
  CHECK(REQUIRE_OK(opened(door->verify(call_as("app"), request))).valid);
  CHECK(hsm.count("C_VerifyInit") == 0);
  CHECK(hsm.count("C_SignInit") == 0);
}

TEST_CASE_METHOD(DoorFixture, "sign: a token that fails is Unavailable",
                 "[core][signatures][fault]") {
  make_key("app/ec", "ecdsa-p256-sha256");
  hsm.rules("fail C_Sign 1 CKR_DEVICE_ERROR");
  const Sign request{name("app/ec"), message("hello"), SignatureEncoding::Der};
  CHECK_CODE(opened(door->sign(call_as("app"), request)), Code::Unavailable);
  hsm.clear();
  CHECK(opened(door->sign(call_as("app"), request)));
  CHECK_CODE(opened(door->sign(call_as("nobody"), request)), Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "mac: verify-mac takes the whole MAC and nothing else",
                 "[core][signatures]") {
  make_key("app/mac", "hmac-sha256");
  const Mac made = REQUIRE_OK(
      opened(door->mac(call_as("app"), {name("app/mac"), Secret::copy_of(as_bytes("hello"))})));
  CHECK(made.mac.size() == 32);
  const auto verify = [&](Bytes mac) {
    return REQUIRE_OK(opened(door->verify_mac(
        call_as("app"),
        {name("app/mac"), std::nullopt, Secret::copy_of(as_bytes("hello")), std::move(mac)})));
  };
  CHECK(verify(made.mac).valid);
  CHECK_FALSE(verify(Bytes(made.mac.begin(), made.mac.begin() + 16)).valid);
  CHECK_FALSE(verify({}).valid);
  CHECK_CODE(
      opened(door->mac(call_as("nobody"), {name("app/mac"), Secret::copy_of(as_bytes("hello"))})),
      Code::PermissionDenied);
}

TEST_CASE_METHOD(DoorFixture, "random: 1 to 4096 bytes, for who may", "[core][signatures]") {
  CHECK(REQUIRE_OK(opened(door->random(call_as("app"), 4096))).size() == 4096);
  CHECK_CODE(opened(door->random(call_as("app"), 4097)), Code::InvalidArgument);
  CHECK_CODE(opened(door->random(call_as("app"), 0)), Code::InvalidArgument);
  CHECK_CODE(opened(door->random(call_as("nobody"), 16)), Code::PermissionDenied);
}

}  // namespace kw::core
