// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/call_meter.h"

#include <numeric>

#include "tests/unit/pkcs11/token_fixture.h"

namespace kw::pkcs11 {
namespace {

using test::TokenFixture;

std::uint64_t calls(const TokenFixture& fixture, CallKind kind) {
  const Distribution now = fixture.token->module().meter().latency(kind).read();
  return std::accumulate(now.counts.begin(), now.counts.end(), std::uint64_t{0});
}

std::uint64_t failures(const TokenFixture& fixture, RvClass rv_class) {
  return fixture.token->module().meter().failures(rv_class).value();
}

}  // namespace

TEST_CASE_METHOD(TokenFixture, "call meter: a whole operation counts once", "[pkcs11][meter]") {
  const std::uint64_t before = calls(*this, CallKind::GenerateRandom);
  std::array<std::uint8_t, 8> bytes{};
  REQUIRE_OK(session.generate_random(bytes));
  CHECK(calls(*this, CallKind::GenerateRandom) == before + 1);
  CHECK(calls(*this, CallKind::Login) == 1);
  const std::uint64_t searches = calls(*this, CallKind::FindObjects);
  REQUIRE_OK(session.find_objects({}));  // an init, a page and a final
  CHECK(calls(*this, CallKind::FindObjects) == searches + 1);
}

TEST_CASE_METHOD(TokenFixture, "call meter: a failed call counts by the class of its answer",
                 "[pkcs11][meter]") {
  hsm.rules("fail C_GenerateRandom 1 CKR_DEVICE_REMOVED; fail C_OpenSession 1 CKR_SESSION_COUNT");
  const std::uint64_t before = calls(*this, CallKind::GenerateRandom);
  std::array<std::uint8_t, 8> bytes{};
  CHECK_CODE(session.generate_random(bytes), Code::Unavailable);
  CHECK(calls(*this, CallKind::GenerateRandom) == before + 1);
  CHECK(failures(*this, RvClass::Module) == 1);
  CHECK_CODE(token->open_session(), Code::Unavailable);
  CHECK(failures(*this, RvClass::Pool) == 1);
  CHECK(failures(*this, RvClass::Caller) == 0);
}

TEST_CASE("call meter: each kind and class has a name of its own", "[pkcs11][meter]") {
  CHECK(kCallKindNames[static_cast<std::size_t>(CallKind::GenerateRandom)] == "generate_random");
  CHECK(kCallKindNames[static_cast<std::size_t>(CallKind::GetAttributes)] == "get_attributes");
  CHECK(kRvClassNames[static_cast<std::size_t>(RvClass::Success)] == "success");
  CHECK(kRvClassNames[static_cast<std::size_t>(RvClass::Latch)] == "latch");
  CHECK(kRvClassNames[static_cast<std::size_t>(RvClass::Unknown)] == "unknown");
}

}  // namespace kw::pkcs11
