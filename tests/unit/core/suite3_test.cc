// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "service/audit_verify/verify.h"
#include "tests/unit/core/door_fixture.h"

// Suite 3 at the door: what configuration and policy have to say, what goes on record. And a
// service key that MACs, where the token derives nothing.
namespace kw::core {
namespace {

constexpr const char* kHost = "aes-256-gcm-host";

struct HostFixture : DoorFixture {
  HostFixture() : DoorFixture(Closed{}) {
    write_policy_file(
        kPolicy +
        "  - {id: host, allow: [create, rotate], to: [admin], keys: ['**'], when: {algorithm: "
        "[aes-256-gcm-host]}}\n"
        "  - {id: host-use, allow: [wrap, unwrap, rewrap, data-key], to: [app], keys: "
        "['app/host'], when: {algorithm: [aes-256-gcm-host]}}\n");
    allow_suite_3 = true;
    open();
  }
  Result<Unwrapped> unwrapped(const Bytes& blob) {
    return opened(door->unwrap(call_as("app"), {blob, {}, std::nullopt}));
  }
};

// A token that makes AES keys and derives nothing from them.
struct NoDerivation : DoorFixture {
  NoDerivation() : DoorFixture(Closed{}) {
    hsm.rules("fail C_DeriveKey * CKR_MECHANISM_INVALID");
    open();
  }
};

}  // namespace

TEST_CASE_METHOD(HostFixture, "suite 3: every operation, each with its suite on record",
                 "[core][suite3]") {
  const KeyView key = make_key("app/host", kHost);
  CHECK(last_record()["suite"] == "3");
  const Bytes blob = wrap("app/host", "attack at dawn", {});
  CHECK(blob[4] == 3);
  CHECK(last_record()["suite"] == "3");
  const Unwrapped plain = REQUIRE_OK(unwrapped(blob));
  CHECK(as_text(plain.plaintext.reveal()) == "attack at dawn");
  CHECK(last_record()["suite"] == "3");
  (void)REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/host"))));
  const Wrapped moved =
      REQUIRE_OK(opened(door->rewrap(call_as("app"), {blob, {}, std::nullopt, std::nullopt})));
  CHECK(moved.version == Version{2});
  CHECK(last_record()["suite"] == "3");
  const DataKey made =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/host"), 32, {}, true})));
  CHECK(REQUIRE_OK(unwrapped(made.blob)).plaintext.size() == 32);
  make_key("app/one", "xaes-256-gcm");
  wrap("app/one", "text", {});
  CHECK(last_record()["suite"] == "1");
  make_key("app/sign", "ecdsa-p256-sha256");
  CHECK_FALSE(last_record().contains("suite"));
}

TEST_CASE_METHOD(HostFixture, "suite 3: a blob that was changed is refused like any other",
                 "[core][suite3]") {
  make_key("app/host", kHost);
  make_key("app/one", "xaes-256-gcm");
  Bytes host = wrap("app/host", "text", {});
  Bytes token = wrap("app/one", "text", {});
  host.back() ^= 1;
  token.back() ^= 1;
  const auto a = unwrapped(host);
  const auto b = unwrapped(token);
  REQUIRE_FALSE(a);
  REQUIRE_FALSE(b);
  CHECK(a.error().code() == b.error().code());
  CHECK(a.error().advice() == b.error().advice());
}

TEST_CASE_METHOD(HostFixture, "suite 3: its key makes no MAC for a caller", "[core][suite3]") {
  make_key("app/host", kHost);
  const ComputeMac request{name("app/host"), Secret::copy_of(as_bytes("text"))};
  CHECK_CODE(opened(door->mac(call_as("app"), request)), Code::InvalidArgument);
}

TEST_CASE_METHOD(HostFixture, "suite 3: nobody has it by a rule that does not name it",
                 "[core][suite3]") {
  make_key("app/other", kHost);
  const Wrap request{name("app/other"), Secret::copy_of(as_bytes("text")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::PermissionDenied);
}

TEST_CASE_METHOD(HostFixture, "suite 3: switched off, its keys do nothing", "[core][suite3]") {
  make_key("app/host", kHost);
  const Bytes blob = wrap("app/host", "text", {});
  close();
  allow_suite_3 = false;
  open();
  CHECK_CODE(unwrapped(blob), Code::FailedPrecondition);
  const Wrap request{name("app/host"), Secret::copy_of(as_bytes("text")), {}};
  CHECK_CODE(opened(door->wrap(call_as("app"), request)), Code::FailedPrecondition);
  CHECK_CODE(opened(door->rotate_key(call_as("admin"), name("app/host"))),
             Code::FailedPrecondition);
  CHECK_CODE(opened(door->create_key(call_as("admin"), {name("app/new"), kHost, {}})),
             Code::FailedPrecondition);
  CHECK(opened(door->disable_key(call_as("admin"), {name("app/host"), std::nullopt})));
}

TEST_CASE_METHOD(NoDerivation, "backend: founds itself on a token that derives nothing",
                 "[core][backend]") {
  make_key("app/mac", "hmac-sha256");
  CHECK_CODE(opened(door->create_key(call_as("admin"), {name("app/aes"), "xaes-256-gcm", {}})),
             Code::Unimplemented);
  const Context bound = context({{"tenant", "7"}});
  const Bytes before = REQUIRE_OK(opened(door->context_mac(call_as("admin"), bound)));
  close();
  open();  // the kind of service key is seen from the key itself
  CHECK(opened(door->show_key(call_as("app"), name("app/mac"))));
  CHECK(REQUIRE_OK(opened(door->context_mac(call_as("admin"), bound))) == before);
  close();
  hsm.clear();  // also where the token could derive by now
  open();
  CHECK(REQUIRE_OK(opened(door->context_mac(call_as("admin"), bound))) == before);
}

TEST_CASE_METHOD(NoDerivation, "backend: a first start that was cut short keeps a key that MACs",
                 "[core][backend]") {
  close();
  std::filesystem::remove(folder / "catalog.db");
  std::filesystem::remove_all(folder / "audit");
  REQUIRE_OK(write_file(folder / "catalog.db.founding", ""));
  hsm.clear();
  open();
  CHECK(hsm.count("C_GenerateKey") == 0);
  CHECK_FALSE(std::filesystem::exists(folder / "catalog.db.founding"));
}

TEST_CASE_METHOD(NoDerivation, "backend: another service key that MACs is not this catalog's",
                 "[core][backend]") {
  make_key("app/mac", "hmac-sha256");
  close();
  std::filesystem::rename(folder / "catalog.db", folder / "catalog.saved");
  std::filesystem::rename(folder / "audit", folder / "audit.saved");
  for (const auto& token : std::filesystem::directory_iterator(hsm.token_directory())) {
    if (!token.is_directory()) continue;
    for (const auto& file : std::filesystem::directory_iterator(token.path())) {
      const std::string object = file.path().filename().string();
      if (object.ends_with(".object") && object != "token.object") {
        std::filesystem::remove(file.path());
      }
    }
  }
  open();
  close();
  std::filesystem::rename(folder / "catalog.saved", folder / "catalog.db");
  std::filesystem::remove_all(folder / "audit");
  std::filesystem::rename(folder / "audit.saved", folder / "audit");
  CHECK_FALSE(try_open().has_value());
}

}  // namespace kw::core
