// SPDX-License-Identifier: Apache-2.0
// A backend that was told what its token can do.
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

using token_profile::Verdict;

struct ProfileFixture : DoorFixture {
  ProfileFixture() : DoorFixture(Closed{}) {
    const auto token = hsm.open();
    const pkcs11::TokenIdentity& found = token->identity();
    const pkcs11::ModuleIdentity& library = token->module().identity();
    profile.emplace();
    profile->identity = {found.label,
                         found.manufacturer,
                         found.model,
                         found.serial,
                         library.manufacturer,
                         library.description,
                         library.library_version};
    profile->verdict = Verdict::TestsOnly;
    for (const char* const offered : {"xaes-256-gcm", "hmac-sha256"}) {
      profile->algorithms[offered] = {};
    }
    profile->algorithms["ed25519"] = {"the token answers CKR_MECHANISM_INVALID"};
  }

  // Whether it opens, and why not.
  Result<void> opens() {
    auto opened = try_open();
    if (!opened) return std::move(opened).error();
    return {};
  }

  Result<KeyView> create(const std::string& key, const std::string& algorithm) {
    return opened(door->create_key(call_as("admin"), {name(key), algorithm, {}}));
  }
};

}  // namespace

TEST_CASE_METHOD(ProfileFixture, "profile: what it does not offer is refused with the reason",
                 "[core][profile]") {
  open();
  hsm.clear();
  const auto refused = create("app/one", "ed25519");
  CHECK_CODE(refused, Code::Unimplemented);
  CHECK(refused.error().advice() ==
        "algorithm: this token cannot do ed25519: the token answers CKR_MECHANISM_INVALID");
  CHECK(hsm.count("C_GenerateKeyPair") == 0);
  CHECK(create("app/one", "xaes-256-gcm"));
}

TEST_CASE_METHOD(ProfileFixture, "profile: what it does not speak of is refused",
                 "[core][profile]") {
  open();
  CHECK_CODE(create("app/one", "ecdsa-p256-sha256"), Code::Unimplemented);
}

TEST_CASE_METHOD(ProfileFixture, "profile: a key that is there is used and not rotated",
                 "[core][profile]") {
  open();
  CHECK(create("app/one", "hmac-sha256"));
  close();
  profile->algorithms["hmac-sha256"] = {"not any more"};
  open();
  CHECK_CODE(opened(door->rotate_key(call_as("admin"), name("app/one"))), Code::Unimplemented);
  CHECK(opened(door->mac(call_as("app"), {name("app/one"), Secret(3)})));
}

TEST_CASE_METHOD(ProfileFixture, "profile: of another token nothing is served", "[core][profile]") {
  SECTION("serial") { profile->identity.serial = "0000"; }
  SECTION("library") { profile->identity.library_version = "9.9"; }
  SECTION("verdict") { profile->verdict = Verdict::Unfit; }
  CHECK_CODE(opens(), Code::FailedPrecondition);
}

}  // namespace kw::core
