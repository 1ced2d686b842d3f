// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

// The standard's names of what a record shows and a rule may say.
namespace kw::shim {

// "CKM_AES_GCM", or "0x80000001" where the number has no name here.
std::string mechanism_name(unsigned long type);
std::optional<unsigned long> find_mechanism_type(std::string_view name);

// Kind says how much of an attribute's value may be shown: all of it, or nothing.
enum class Kind { Boolean, Number, Hidden };

struct AttributeName {
  std::string name;
  Kind kind;
};
AttributeName attribute_name(unsigned long type);

}  // namespace kw::shim
