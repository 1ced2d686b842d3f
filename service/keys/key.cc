// SPDX-License-Identifier: Apache-2.0
#include "service/keys/key.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace kw::keys {
namespace {

struct StateRow {
  State state;
  std::string_view name;
};

constexpr std::array kStates{
    StateRow{State::Creating, "creating"},
    StateRow{State::Enabled, "enabled"},
    StateRow{State::Disabled, "disabled"},
    StateRow{State::PendingDestruction, "pending-destruction"},
    StateRow{State::Destroyed, "destroyed"},
};

struct Transition {
  State from;
  State to;
};

// A restored version comes back disabled: whoever wants it used again says so.
constexpr std::array kTransitions{
    Transition{State::Creating, State::Enabled},
    Transition{State::Enabled, State::Disabled},
    Transition{State::Disabled, State::Enabled},
    Transition{State::Enabled, State::PendingDestruction},
    Transition{State::Disabled, State::PendingDestruction},
    Transition{State::PendingDestruction, State::Disabled},
    Transition{State::PendingDestruction, State::Destroyed},
};

}  // namespace

std::string_view name_of(State state) noexcept {
  const auto* const row = std::find_if(kStates.begin(), kStates.end(),
                                       [&](const StateRow& each) { return each.state == state; });
  KW_ASSERT(row != kStates.end());
  return row->name;
}

std::optional<State> parse_state(std::string_view name) noexcept {
  const auto* const row = std::find_if(kStates.begin(), kStates.end(),
                                       [&](const StateRow& each) { return each.name == name; });
  if (row == kStates.end()) return std::nullopt;
  return row->state;
}

bool allows(State from, State to) noexcept {
  return std::any_of(kTransitions.begin(), kTransitions.end(),
                     [&](const Transition& legal) { return legal.from == from && legal.to == to; });
}

std::string_view name_of(Residency residency) noexcept {
  return residency == Residency::Token ? "token" : "wrapped";
}

std::optional<Residency> parse_residency(std::string_view name) noexcept {
  for (const Residency each : {Residency::Token, Residency::Wrapped}) {
    if (name == name_of(each)) return each;
  }
  return std::nullopt;
}

const KeyVersion* Key::primary() const noexcept {
  const auto newest = std::find_if(versions.rbegin(), versions.rend(), [](const KeyVersion& each) {
    return each.state == State::Enabled;
  });
  return newest == versions.rend() ? nullptr : &*newest;
}

const KeyVersion* Key::find(Version number) const noexcept {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const KeyVersion& each) { return each.number == number; });
  return found == versions.end() ? nullptr : &*found;
}

Bytes object_id(const KeyId& id, Version number) {
  Bytes out = to_bytes(id.bytes());
  append_u32(out, to_number(number));
  return out;
}

std::string object_label(const KeyName& name, Version number) {
  return name.text() + "#" + std::to_string(to_number(number));
}

}  // namespace kw::keys
