// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "base/file.h"
#include "pkcs11/profile.h"
#include "service/audit_verify/record_reader.h"
#include "tests/unit/core/outage_fixture.h"

// Suite 3 at the door: what configuration and policy have to say, what goes on record. And a
// service key that MACs, where the token derives nothing.
namespace kw::core {
namespace {

constexpr const char* kHost = "aes-256-gcm-host";
constexpr const char* kHostRules =
    "  - {id: host, allow: [create, rotate], to: [admin], keys: ['**'], when: {algorithm: "
    "[aes-256-gcm-host]}}\n"
    "  - {id: host-use, allow: [wrap, unwrap, rewrap, data-key], to: [app], keys: "
    "['app/host'], when: {algorithm: [aes-256-gcm-host]}}\n";

struct HostFixture : DoorFixture {
  HostFixture() : DoorFixture(Closed{}) {
    write_policy_file(kPolicy + kHostRules);
    allow_suite_3 = true;
    open();
  }
  Result<Unwrapped> unwrapped(const Bytes& blob) {
    return opened(door->unwrap(call_as("app"), {blob, {}, std::nullopt}));
  }
};

// A door whose token goes away, with a key of suite 3 and a blob from before.
struct HostOutage : OutageFixture {
  HostOutage() {
    close();
    write_policy_file(kPolicy + kHostRules);
    allow_suite_3 = true;
    open();
    host_key = make_key("app/host", kHost);
    host_blob = wrap("app/host", "kept", {});
  }
  Result<Unwrapped> unwrap_host() {
    return opened(door->unwrap(call_as("app"), {host_blob, {}, std::nullopt}));
  }
  bool host_works() {
    const Result<Unwrapped> plain = unwrap_host();
    if (plain) return as_text(plain->plaintext.reveal()) == "kept";
    REQUIRE(plain.error().code() == Code::Unavailable);
    return false;
  }
  void destroy_host_key() const {
    const std::string id = to_hex(to_bytes(host_key->id.bytes())) + "00000001";
    const std::string destroy = "pkcs11-tool --module " + std::string(test::SoftHsm::kModule) +
                                " --token-label keyward --login --pin " +
                                std::string(test::SoftHsm::kPin) +
                                " --delete-object --type secrkey --id " + id + " >/dev/null 2>&1";
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the tool has an environment of its own
    REQUIRE(std::system(destroy.c_str()) == 0);
  }

  KeyView host_key;
  Bytes host_blob;
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

TEST_CASE_METHOD(HostFixture, "suite 3: a wrapped key of it, before and after a restart",
                 "[core][suite3][wrapped]") {
  const CreateKey request{name("app/host"), kHost, {}, keys::Residency::Wrapped};
  const KeyView made = REQUIRE_OK(opened(door->create_key(call_as("admin"), request)));
  CHECK(made->residency == keys::Residency::Wrapped);
  const Bytes blob = wrap("app/host", "text", {});
  close();
  open();
  CHECK(as_text(REQUIRE_OK(unwrapped(blob)).plaintext.reveal()) == "text");
  CHECK(last_record()["suite"] == "3");
  (void)REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/host"))));
  CHECK(REQUIRE_OK(opened(door->rewrap(call_as("app"), {blob, {}, std::nullopt, std::nullopt})))
            .version == Version{2});
}

TEST_CASE_METHOD(HostOutage, "suite 3: opens its blobs again in every epoch",
                 "[core][suite3][healing][fault]") {
  move_away();
  await("out of service", [this] {
    door->maintain();
    (void)host_works();
    return !is_ready();
  });
  CHECK_CODE(unwrap_host(), Code::Unavailable);
  move_back();
  await_service();
  await("opened", [this] { return host_works(); });
  CHECK(epochs() >= 2);
  CHECK(metric("keyward_quarantined_versions") == 0);
}

TEST_CASE_METHOD(HostOutage, "suite 3: a lost handle is found again and compared with the catalog",
                 "[core][suite3][healing][fault]") {
  hsm.clear();
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(host_works());
  CHECK(hsm.count("C_FindObjectsInit") >= 2);  // for the use, and for the comparison
  CHECK(epochs() == 1);
}

TEST_CASE_METHOD(HostOutage, "suite 3: a key that was lost is put aside, alone",
                 "[core][suite3][healing]") {
  destroy_host_key();
  CHECK_CODE(unwrap_host(), Code::Unavailable);
  await("put aside", [this] { return metric("keyward_quarantined_versions") == 1; });
  CHECK_CODE(unwrap_host(), Code::Unavailable);
  CHECK(all_work());
}

TEST_CASE_METHOD(HostOutage, "suite 3: another key under its name goes into quarantine, alone",
                 "[core][suite3][healing]") {
  close();
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    const Bytes id = pkcs11::object_id(host_key->id, Version{1});
    CHECK(REQUIRE_OK(pkcs11::destroy_all(session, id)) == 1);
    (void)REQUIRE_OK(pkcs11::generate(session, pkcs11::Profile::MacSha256, id,
                                      pkcs11::object_label(host_key->name, Version{1})));
  }
  open();
  CHECK(metric("keyward_quarantined_versions") == 1);
  CHECK_CODE(unwrap_host(), Code::Unavailable);
  CHECK(last_record()["reason"] == "quarantined");
  CHECK(last_record()["suite"] == "3");
  CHECK(all_work());
}

TEST_CASE_METHOD(NoDerivation, "backend: a service key that MACs is proven in every epoch",
                 "[core][backend][healing][fault]") {
  make_key("app/mac", "hmac-sha256");
  const Context bound = context({{"tenant", "7"}});
  const Bytes before = REQUIRE_OK(opened(door->context_mac(call_as("admin"), bound)));
  hsm.rules("fail C_DeriveKey * CKR_MECHANISM_INVALID; fail C_Sign * CKR_DEVICE_REMOVED");
  CHECK_CODE(opened(door->context_mac(call_as("admin"), bound)), Code::Unavailable);
  const Deadline bounded = deadline_in(std::chrono::seconds(120));
  while (backend->troubles().empty()) {
    REQUIRE_FALSE(has_passed(bounded));
    door->maintain();
  }
  hsm.clear();
  hsm.rules("fail C_DeriveKey * CKR_MECHANISM_INVALID");
  // An answer may come before the token is taken out of service, and the next one not.
  for (bool answered = false; !answered; door->maintain()) {
    REQUIRE_FALSE(has_passed(bounded));
    const auto after = opened(door->context_mac(call_as("admin"), bound));
    answered = after.has_value();
    if (answered) CHECK(*after == before);
  }
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
