// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "tests/unit/core/door_fixture.h"

namespace kw::residency {

// Kind is what a life is of: an algorithm, in the token or wrapped.
struct Kind {
  const char* algorithm;
  keys::Residency residency;
};
const std::vector<Kind>& kinds(bool with_long_rsa);

// The door's policy, and what it must say of keys that work on the host.
std::string policy_of_lives();

// Life leads keys through all that can happen to them: each answer must be right.
class Life {
 public:
  explicit Life(core::DoorFixture& fixture) : fixture_(fixture) {}

  // Creates a key, uses it, rotates it, uses it and the old version, disables and enables.
  void lead(const Kind& kind);
  // Everything else that a caller may ask: reads, proofs, policy; and refusals.
  void ask_around();

 private:
  void use(const KeyName& name, const std::string& algorithm);
  void use_to_wrap(const KeyName& name);
  void use_to_sign(const KeyName& name);
  void use_to_mac(const KeyName& name);

  core::DoorFixture& fixture_;
  int lives_ = 0;
};

}  // namespace kw::residency
