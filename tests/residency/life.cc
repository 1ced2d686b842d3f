// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/life.h"

#include "service/keys/algorithm.h"

namespace kw::residency {
namespace {

using core::Message;
using core::SignatureEncoding;

constexpr std::string_view kText = "attack at dawn";

Secret text_of_life() { return Secret::copy_of(as_bytes(kText)); }

bool is_long(std::string_view algorithm) {
  return algorithm.starts_with("rsa-3072") || algorithm.starts_with("rsa-4096");
}

std::vector<Kind> all_kinds(bool with_long_rsa) {
  std::vector<Kind> all;
  for (const keys::Algorithm& row : keys::algorithms()) {
    if (is_long(row.name) && !with_long_rsa) continue;
    all.push_back({row.name.data(), keys::Residency::Token});
    const bool is_own_suite =
        row.sealing == keys::Sealing::Counted || row.sealing == keys::Sealing::OnHost;
    const bool can_be_wrapped = row.name != "ed25519" && !is_own_suite;
    if (can_be_wrapped) all.push_back({row.name.data(), keys::Residency::Wrapped});
  }
  return all;
}

}  // namespace

const std::vector<Kind>& kinds(bool with_long_rsa) {
  static const std::vector<Kind> kAll = all_kinds(true);
  static const std::vector<Kind> kShort = all_kinds(false);
  return with_long_rsa ? kAll : kShort;
}

std::string policy_of_lives() {
  return core::DoorFixture::kPolicy +
         "  - {id: host, allow: [create, rotate], to: [admin], keys: ['**'], when: {algorithm: "
         "[aes-256-gcm-host]}}\n"
         "  - {id: host-use, allow: [wrap, unwrap, rewrap, data-key], to: [app], keys: ['app/**'], "
         "when: {algorithm: [aes-256-gcm-host]}}\n";
}

void Life::lead(const Kind& kind) {
  core::KeyService& door = *fixture_.door;
  const KeyName name = fixture_.name("app/life" + std::to_string(++lives_));
  INFO(kind.algorithm);
  const auto as_admin = [this] { return fixture_.call_as("admin"); };
  REQUIRE_OK(
      fixture_.opened(door.create_key(as_admin(), {name, kind.algorithm, {}, kind.residency})));
  use(name, kind.algorithm);
  REQUIRE_OK(fixture_.opened(door.rotate_key(as_admin(), name)));
  use(name, kind.algorithm);
  REQUIRE_OK(fixture_.opened(door.disable_key(as_admin(), {name, Version{1}})));
  REQUIRE_OK(fixture_.opened(door.disable_key(as_admin(), {name, std::nullopt})));
  REQUIRE_OK(fixture_.opened(door.enable_key(as_admin(), {name, std::nullopt})));
  use(name, kind.algorithm);
  door.maintain();
}

void Life::use(const KeyName& name, const std::string& algorithm) {
  switch (keys::find_algorithm(algorithm)->purpose) {
    case keys::Purpose::Wrap:
      return use_to_wrap(name);
    case keys::Purpose::Sign:
      return use_to_sign(name);
    case keys::Purpose::Mac:
      return use_to_mac(name);
  }
}

void Life::use_to_wrap(const KeyName& name) {
  core::KeyService& door = *fixture_.door;
  const Context context = fixture_.context({{"tenant", "7"}});
  const auto call = [this] { return fixture_.call_as("app"); };
  const auto wrapped =
      REQUIRE_OK(fixture_.opened(door.wrap(call(), {name, text_of_life(), context})));
  const auto again = REQUIRE_OK(
      fixture_.opened(door.rewrap(call(), {wrapped.blob, context, std::nullopt, std::nullopt})));
  const auto opened =
      REQUIRE_OK(fixture_.opened(door.unwrap(call(), {again.blob, context, std::nullopt})));
  CHECK(as_text(opened.plaintext.reveal()) == kText);
  REQUIRE_OK(fixture_.opened(door.data_key(call(), {name, 32, context, true})));
  Bytes garbage = wrapped.blob;
  garbage.back() ^= 1;
  CHECK_CODE(fixture_.opened(door.unwrap(call(), {garbage, context, std::nullopt})),
             Code::InvalidArgument);
}

void Life::use_to_sign(const KeyName& name) {
  core::KeyService& door = *fixture_.door;
  const auto made = REQUIRE_OK(fixture_.opened(
      door.sign(fixture_.call_as("app"), {name, Message{text_of_life()}, SignatureEncoding::Der})));
  const auto verdict = REQUIRE_OK(fixture_.opened(door.verify(
      fixture_.call_as("app"),
      {name, std::nullopt, Message{text_of_life()}, made.signature, SignatureEncoding::Der})));
  CHECK(verdict.valid);
  REQUIRE_OK(fixture_.opened(door.public_key(fixture_.call_as("app"), {name, std::nullopt})));
}

void Life::use_to_mac(const KeyName& name) {
  core::KeyService& door = *fixture_.door;
  const auto made =
      REQUIRE_OK(fixture_.opened(door.mac(fixture_.call_as("app"), {name, text_of_life()})));
  const auto verdict = REQUIRE_OK(fixture_.opened(
      door.verify_mac(fixture_.call_as("app"), {name, std::nullopt, text_of_life(), made.mac})));
  CHECK(verdict.valid);
}

void Life::ask_around() {
  core::KeyService& door = *fixture_.door;
  const auto as_admin = [this] { return fixture_.call_as("admin"); };
  REQUIRE_OK(fixture_.opened(door.list_keys(as_admin(), {"", "", 100})));
  REQUIRE_OK(fixture_.opened(door.read_policy(as_admin())));
  REQUIRE_OK(fixture_.opened(door.write_policy(as_admin(), policy_of_lives())));
  REQUIRE_OK(fixture_.opened(door.read_checkpoint(as_admin())));
  REQUIRE_OK(fixture_.opened(door.context_mac(as_admin(), fixture_.context({{"tenant", "7"}}))));
  (void)REQUIRE_OK(fixture_.opened(door.random(fixture_.call_as("app"), 4096)));
  CHECK_CODE(fixture_.opened(door.random(fixture_.call_as("app"), 0)), Code::InvalidArgument);
  CHECK_CODE(fixture_.opened(door.random(fixture_.call_as("nobody"), 8)), Code::PermissionDenied);
  door.maintain();
}

}  // namespace kw::residency
