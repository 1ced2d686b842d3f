// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <string>

#include "pkcs11/cryptoki.h"
#include "pkcs11/profile.h"
#include "pkcs11/token.h"
#include "tests/support/expect.h"

// What the token layer does at openCryptoki's software token (tests/support/with_opencryptoki): an
// interoperability test, no token to keep keys in. It prints what works.
namespace kw::pkcs11 {
namespace {

std::string ock_setting(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  INFO(name << " is not set: run by tests/support/with_opencryptoki");
  REQUIRE(value != nullptr);
  return value;
}

struct OpenCryptoki {
  std::unique_ptr<Token> open(const std::string& pin) const {
    auto module = REQUIRE_OK(Module::load(ock_setting("KEYWARD_OCK_MODULE")));
    const TokenUri uri = TokenUri::of_label(ock_setting("KEYWARD_OCK_TOKEN"));
    return REQUIRE_OK(Token::open(std::move(module), uri, Secret::copy_of(as_bytes(pin))));
  }
};

std::size_t objects_with(Session& session, ByteView id) {
  ObjectTemplate wanted;
  wanted.bytes(CKA_ID, id);
  return REQUIRE_OK(session.find_objects(wanted)).size();
}

}  // namespace

TEST_CASE_METHOD(OpenCryptoki, "openCryptoki: load, login, sessions, random, search",
                 "[opencryptoki]") {
  const auto token = open(ock_setting("KEYWARD_OCK_PIN"));
  CHECK(token->identity().label == "keyward");
  CHECK(token->module().identity().manufacturer == "IBM");
  Session session = REQUIRE_OK(token->open_session());
  Bytes random(64);
  REQUIRE_OK(session.generate_random(random));
  CHECK(random != Bytes(64));
  CHECK(objects_with(session, as_bytes("none")) == 0);
  CHECK(session.usable());
}

TEST_CASE_METHOD(OpenCryptoki, "openCryptoki: a profile is met wholly or refused cleanly",
                 "[opencryptoki]") {
  const auto token = open(ock_setting("KEYWARD_OCK_PIN"));
  Session session = REQUIRE_OK(token->open_session());
  for (int number = 0; number <= static_cast<int>(Profile::Ed25519); ++number) {
    const auto profile = static_cast<Profile>(number);
    const Bytes id(20, static_cast<std::uint8_t>(number + 1));
    const auto made = generate(session, profile, id, "tests/interop#1");
    std::printf("%-14s %s\n", std::string(to_text(profile)).c_str(),
                made ? "made, and as its profile says" : made.error().detail().c_str());
    if (made) {
      REQUIRE_OK(verify(session, made->key, profile, id));
      CHECK(REQUIRE_OK(destroy_all(session, id)) > 0);
    } else {
      CHECK_FALSE(made.error().code() == Code::InvalidArgument);  // no caller's fault
    }
    CHECK(objects_with(session, id) == 0);
    if (!session.usable()) session = REQUIRE_OK(token->open_session());
  }
}

}  // namespace kw::pkcs11
