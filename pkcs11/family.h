// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "pkcs11/module.h"
#include "pkcs11/object_template.h"

namespace kw::pkcs11 {

// Family is a kind of module. All that is not known to be otherwise takes the profiles as they are.
enum class Family { Standard, Tpm2 };

// From what C_GetInfo says.
Family family_of(const ModuleIdentity& identity) noexcept;
std::string_view to_text(Family family) noexcept;

// Part is the kind of object that an attribute stands in.
enum class Part { SecretKey, RsaPrivateKey, RsaPublicKey, EcPrivateKey, EcPublicKey };

// Deviation is one attribute that a family's keys have otherwise than their profile says. Whatever
// no deviation names is as the profile says, on every token.
struct Deviation {
  std::string_view name;  // for reports
  std::string_view why;   // a sentence's end: "because ..."
  Part part;
  AttributeType type;
  bool is_asked;                          // false: the template may not mention it
  Bytes (*value)(MechanismType allowed);  // what a key that may do `allowed` has
  std::string_view permits;  // attacks (docs/threat-model.md) that are the service's to forgo
};
std::span<const Deviation> deviations(Family family) noexcept;

// Applies a family's deviations to a template that asks for a key, or to one that says what a key
// must be afterwards.
void deviate_asked(ObjectTemplate& object, Family family, Part part, MechanismType allowed);
void deviate_expected(ObjectTemplate& object, Family family, Part part, MechanismType allowed);

// The longest message that the family's C_Sign takes for a MAC; none: no bound below the service's.
std::optional<std::size_t> longest_mac_message(Family family) noexcept;

}  // namespace kw::pkcs11
