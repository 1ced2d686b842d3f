// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/names.h"
#include "service/keys/algorithm.h"

namespace kw::keys {

// State is where a version stands in its life. Creating is known to the catalog alone.
enum class State { Creating, Enabled, Disabled, PendingDestruction, Destroyed };

std::string_view name_of(State state) noexcept;
std::optional<State> parse_state(std::string_view name) noexcept;

// Whether a version may go from one state to the other. Staying is no transition.
bool allows(State from, State to) noexcept;

// Residency is where the material lives: as an object of the token; or in the catalog, wrapped by a
// token key, and in the token only as a session object while it is used.
enum class Residency { Token, Wrapped };

std::string_view name_of(Residency residency) noexcept;
std::optional<Residency> parse_residency(std::string_view name) noexcept;

// KeyVersion is one piece of key material as the catalog knows it.
struct KeyVersion {
  Version number{};
  State state = State::Creating;
  WallTime created{};
  Bytes public_key;  // SubjectPublicKeyInfo, DER; empty for a secret key
  Bytes check;       // wrap keys: K1 of CMAC or a known tag; keys that MAC: a known MAC
  Bytes wrapped{};   // residency wrapped: the material under its KEK; else empty
  Version kek{};     // residency wrapped: which version of the KEK

  bool operator==(const KeyVersion&) const = default;
};

using Tags = std::map<std::string, std::string>;

// Key is a named thing with one algorithm and one or more versions.
struct Key {
  KeyId id;
  KeyName name;
  const Algorithm* algorithm;  // never null
  Residency residency = Residency::Token;
  Tags tags;
  WallTime created{};
  std::optional<std::chrono::seconds> rotate_every;
  std::vector<KeyVersion> versions;  // ascending

  // The newest enabled version, which produces; null if none is enabled.
  const KeyVersion* primary() const noexcept;
  // Null if there is no such version.
  const KeyVersion* find(Version number) const noexcept;

  bool operator==(const Key&) const = default;
};

// CKA_ID: the key's id, then the version, big-endian; 20 bytes.
Bytes object_id(const KeyId& id, Version number);

// CKA_LABEL: NAME#VERSION.
std::string object_label(const KeyName& name, Version number);

}  // namespace kw::keys
