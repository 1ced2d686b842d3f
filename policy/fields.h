// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"

namespace kw::policy {

// Readers of YAML values for the policy's text. All errors: InvalidArgument with line and column.

// Checks that a node is a mapping with no other keys than these.
Result<void> check_fields(const yaml::Node& node, std::initializer_list<std::string_view> known);

// The value of a key that must be there.
Result<const yaml::Node*> require_field(const yaml::Node& node, std::string_view key);

// A non-empty string. A number or a truth value is refused with the advice to quote it.
Result<std::string> read_text(const yaml::Node& node);

// A string that may be empty.
Result<std::string> read_any_text(const yaml::Node& node);

// A sequence of at least one item.
Result<const yaml::Node::Sequence*> read_list(const yaml::Node& node);

// A sequence of at least one non-empty string.
Result<std::vector<std::string>> read_texts(const yaml::Node& node);

// A mapping of at least one entry.
Result<const yaml::Node::Mapping*> read_map(const yaml::Node& node);

// A number of bytes: an integer, or a text as "64KiB", "10MiB", "1GiB".
Result<std::uint64_t> read_size(const yaml::Node& node);

// A name of a principal or a rule: [a-z0-9][a-z0-9._-]{0,62}.
Result<std::string> check_name(std::string_view name, yaml::Mark mark);

// The same failure, at a place in the text.
Error at(yaml::Mark mark, const Error& error);

}  // namespace kw::policy
