// SPDX-License-Identifier: Apache-2.0
#include "service/keys/key.h"

#include <array>
#include <set>
#include <utility>

#include "tests/support/expect.h"

namespace kw::keys {
namespace {

constexpr std::array kStates{State::Creating, State::Enabled, State::Disabled,
                             State::PendingDestruction, State::Destroyed};

Key make_key(std::vector<State> states) {
  Key key{KeyId::random(),
          REQUIRE_OK(KeyName::parse("team/a")),
          find_algorithm("ed25519"),
          Residency::Token,
          {},
          {},
          {},
          {}};
  std::uint32_t number = 0;
  for (const State state : states) key.versions.push_back({Version{++number}, state, {}, {}, {}});
  return key;
}

TEST_CASE("state: exactly the legal transitions are allowed", "[keys][state]") {
  const std::set<std::pair<State, State>> legal{
      {State::Creating, State::Enabled},
      {State::Enabled, State::Disabled},
      {State::Disabled, State::Enabled},
      {State::Enabled, State::PendingDestruction},
      {State::Disabled, State::PendingDestruction},
      {State::PendingDestruction, State::Disabled},
      {State::PendingDestruction, State::Destroyed},
  };
  for (const State from : kStates) {
    for (const State to : kStates) {
      INFO(name_of(from) << " -> " << name_of(to));
      CHECK(allows(from, to) == legal.contains({from, to}));
    }
  }
}

TEST_CASE("state: each word names its state", "[keys][state]") {
  for (const State state : kStates) CHECK(parse_state(name_of(state)) == state);
  CHECK(name_of(State::PendingDestruction) == "pending-destruction");
  CHECK_FALSE(parse_state("Enabled"));
  CHECK_FALSE(parse_state(""));
}

TEST_CASE("residency: its two words are known", "[keys][state]") {
  CHECK(parse_residency("token") == Residency::Token);
  CHECK(parse_residency("wrapped") == Residency::Wrapped);
  CHECK(name_of(Residency::Wrapped) == "wrapped");
  CHECK_FALSE(parse_residency("Wrapped"));
}

TEST_CASE("key: the newest enabled version is the primary", "[keys][key]") {
  const Key key = make_key({State::Enabled, State::Enabled, State::Disabled, State::Creating});
  REQUIRE(key.primary() != nullptr);
  CHECK(key.primary()->number == Version{2});
}

TEST_CASE("key: without an enabled version there is no primary", "[keys][key]") {
  CHECK(make_key({}).primary() == nullptr);
  CHECK(make_key({State::Creating}).primary() == nullptr);
  CHECK(make_key({State::Destroyed, State::PendingDestruction}).primary() == nullptr);
}

TEST_CASE("key: versions are found by number", "[keys][key]") {
  const Key key = make_key({State::Destroyed, State::Enabled});
  REQUIRE(key.find(Version{1}) != nullptr);
  CHECK(key.find(Version{1})->state == State::Destroyed);
  CHECK(key.find(Version{0}) == nullptr);
  CHECK(key.find(Version{3}) == nullptr);
}

TEST_CASE("key: an object's id is the key id with the version behind it", "[keys][key]") {
  const Bytes id = REQUIRE_OK(decode_hex("000102030405060708090a0b0c0d0e0f"));
  CHECK(to_hex(object_id(REQUIRE_OK(KeyId::decode(id)), Version{0x01020304})) ==
        "000102030405060708090a0b0c0d0e0f01020304");
}

TEST_CASE("key: an object's label reads name and version", "[keys][key]") {
  CHECK(object_label(REQUIRE_OK(KeyName::parse("team/a.b")), Version{12}) == "team/a.b#12");
}

}  // namespace
}  // namespace kw::keys
