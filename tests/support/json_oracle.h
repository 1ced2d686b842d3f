// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "service/api/json_reader.h"

// nlohmann's reader as a second opinion on ours, for tests and fuzzers.
namespace kw::test {

bool same_json(const api::JsonValue& ours, const nlohmann::json& theirs);

inline bool same_array(const api::JsonValue& ours, const nlohmann::json& theirs) {
  const auto values = ours.as_array(std::numeric_limits<std::size_t>::max());
  if (!values || values->size() != theirs.size()) return false;
  for (std::size_t i = 0; i < values->size(); ++i) {
    if (!same_json((*values)[i], theirs[i])) return false;
  }
  return true;
}

inline bool same_object(const api::JsonValue& ours, const nlohmann::json& theirs) {
  const auto members = ours.as_members();
  if (!members || members->size() != theirs.size()) return false;
  for (const auto& [name, value] : *members) {
    if (!theirs.contains(name) || !same_json(value, theirs[name])) return false;
  }
  return true;
}

// Numbers that are no unsigned integer, and null, are values that no field takes: ours has none.
inline bool same_json(const api::JsonValue& ours, const nlohmann::json& theirs) {
  if (theirs.is_object()) return same_object(ours, theirs);
  if (theirs.is_array()) return same_array(ours, theirs);
  const auto text = ours.as_string();
  const auto flag = ours.as_bool();
  const auto number = ours.as_integer(0, std::numeric_limits<std::uint64_t>::max());
  if (ours.is_object() || ours.is_array()) return false;
  if (theirs.is_string()) return text && *text == theirs.get_ref<const std::string&>();
  if (theirs.is_boolean()) return flag && *flag == theirs.get<bool>();
  if (theirs.is_number_unsigned()) return number && *number == theirs.get<std::uint64_t>();
  return !text && !flag && !number;
}

// Whether nlohmann reads the same value from a text that ours accepted. A number that no double can
// hold is an error of theirs alone: no field of ours takes one either.
inline bool nlohmann_agrees(std::string_view text, const api::JsonDocument& document) {
  try {
    return same_json(document.root(), nlohmann::json::parse(text));
  } catch (const nlohmann::json::out_of_range&) {
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace kw::test
