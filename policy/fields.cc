// SPDX-License-Identifier: Apache-2.0
#include "policy/fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/names.h"

namespace kw::policy {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<Unit, 3> kUnits = {{{"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}}};

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace

Result<void> check_fields(const yaml::Node& node, std::initializer_list<std::string_view> known) {
  const yaml::Node::Mapping* const entries = node.as_mapping();
  if (entries == nullptr) return yaml::fault(node.mark, "must be a mapping of " + joined(known));
  for (const yaml::Node::Entry& entry : *entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      return yaml::fault(entry.key_mark,
                         "unknown key '" + entry.key + "'; known here: " + joined(known));
    }
  }
  return {};
}

Result<const yaml::Node*> require_field(const yaml::Node& node, std::string_view key) {
  const yaml::Node* const value = node.find(key);
  if (value == nullptr) return yaml::fault(node.mark, "'" + std::string(key) + "' is missing");
  return value;
}

Result<std::string> read_any_text(const yaml::Node& node) {
  const std::string* const text = node.as_string();
  if (text == nullptr)
    return yaml::fault(node.mark, "must be a string (quote numbers and true/false)");
  return *text;
}

Result<std::string> read_text(const yaml::Node& node) {
  std::string text = TRY(read_any_text(node));
  if (text.empty()) return yaml::fault(node.mark, "must not be empty");
  return text;
}

Result<const yaml::Node::Sequence*> read_list(const yaml::Node& node) {
  const yaml::Node::Sequence* const items = node.as_sequence();
  if (items == nullptr) return yaml::fault(node.mark, "must be a list");
  if (items->empty()) return yaml::fault(node.mark, "must not be an empty list");
  return items;
}

Result<std::vector<std::string>> read_texts(const yaml::Node& node) {
  std::vector<std::string> texts;
  for (const yaml::Node& item : *TRY(read_list(node))) texts.push_back(TRY(read_text(item)));
  return texts;
}

Result<const yaml::Node::Mapping*> read_map(const yaml::Node& node) {
  const yaml::Node::Mapping* const entries = node.as_mapping();
  if (entries == nullptr) return yaml::fault(node.mark, "must be a mapping");
  if (entries->empty()) return yaml::fault(node.mark, "must not be an empty mapping");
  return entries;
}

Result<std::uint64_t> read_size(const yaml::Node& node) {
  if (const std::int64_t* const number = node.as_integer(); number != nullptr && *number >= 0) {
    return static_cast<std::uint64_t>(*number);
  }
  const std::string* const text = node.as_string();
  for (const Unit& unit : kUnits) {
    if (text == nullptr || !text->ends_with(unit.name)) continue;
    const char* const digits_end = text->data() + text->size() - unit.name.size();
    std::uint64_t count = 0;
    const auto [end, failure] = std::from_chars(text->data(), digits_end, count);
    if (failure == std::errc() && end == digits_end &&
        count <= std::numeric_limits<std::uint64_t>::max() / unit.bytes) {
      return count * unit.bytes;
    }
  }
  return yaml::fault(node.mark, "must be a number of bytes, as 4096, 64KiB, 10MiB or 1GiB");
}

Result<std::string> check_name(std::string_view name, yaml::Mark mark) {
  if (!KeyName::is_valid(name) || name.find('/') != std::string_view::npos) {
    return yaml::fault(mark, "a name is [a-z0-9][a-z0-9._-]{0,62}");
  }
  return std::string(name);
}

Error at(yaml::Mark mark, const Error& error) { return yaml::fault(mark, error.detail()); }

}  // namespace kw::policy
