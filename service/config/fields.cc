// SPDX-License-Identifier: Apache-2.0
#include "service/config/fields.h"

#include <algorithm>
#include <utility>

#include "service/config/config.h"

namespace kw::config {
namespace {

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

}  // namespace

Result<Fields> Fields::of(const yaml::Node& node, std::string path,
                          const std::filesystem::path& folder,
                          std::vector<std::string_view> known) {
  const yaml::Node::Mapping* mapping = node.as_mapping();
  if (mapping == nullptr) {
    return yaml::fault(node.mark, (path.empty() ? "" : path + ": ") + "expected a mapping");
  }
  for (const yaml::Node::Entry& entry : *mapping) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      return yaml::fault(entry.key_mark, join(path, entry.key) + ": unknown key");
    }
  }
  return Fields(node, std::move(path), folder);
}

std::string Fields::full_name(std::string_view key) const { return join(path_, key); }

Error Fields::fault_at(std::string_view key, const Error& cause) const {
  const yaml::Node* node = find(key);
  return yaml::fault(node != nullptr ? node->mark : node_->mark,
                     full_name(key) + ": " + cause.detail());
}

Result<const yaml::Node*> Fields::require(std::string_view key) const {
  const yaml::Node* node = find(key);
  if (node == nullptr) return yaml::fault(node_->mark, full_name(key) + ": missing");
  return node;
}

Result<Fields> Fields::mapping(std::string_view key, std::vector<std::string_view> known) const {
  const yaml::Node* node = TRY(require(key));
  return of(*node, full_name(key), *folder_, std::move(known));
}

Result<std::string> Fields::text_of(const yaml::Node& node, std::string_view name) const {
  const std::string* text = node.as_string();
  if (text == nullptr || text->empty()) {
    return yaml::fault(node.mark, std::string(name) + ": expected a text");
  }
  if (text->find('\0') != std::string::npos) {
    return yaml::fault(node.mark, std::string(name) + ": holds a NUL character");
  }
  return *text;
}

Result<std::string> Fields::text(std::string_view key) const {
  const yaml::Node* node = TRY(require(key));
  return text_of(*node, full_name(key));
}

Result<std::filesystem::path> Fields::path(std::string_view key) const {
  const std::string name = TRY(text(key));
  return *folder_ / name;
}

Result<std::optional<std::filesystem::path>> Fields::optional_path(std::string_view key) const {
  if (find(key) == nullptr) return std::optional<std::filesystem::path>();
  return std::optional<std::filesystem::path>(TRY(path(key)));
}

Result<std::chrono::milliseconds> Fields::duration(std::string_view key,
                                                   std::chrono::milliseconds otherwise) const {
  if (find(key) == nullptr) return otherwise;
  const std::string spelled = TRY(text(key));
  Result<std::chrono::milliseconds> span = parse_duration(spelled);
  if (!span) return fault_at(key, span.error());
  return span;
}

Result<unsigned> Fields::count(std::string_view key, unsigned otherwise, unsigned most) const {
  const yaml::Node* node = find(key);
  if (node == nullptr) return otherwise;
  const std::int64_t* number = node->as_integer();
  if (number == nullptr || *number < 1 || *number > most) {
    return yaml::fault(node->mark,
                       full_name(key) + ": expected a number from 1 to " + std::to_string(most));
  }
  return static_cast<unsigned>(*number);
}

Result<bool> Fields::flag(std::string_view key, bool otherwise) const {
  const yaml::Node* node = find(key);
  if (node == nullptr) return otherwise;
  const bool* value = node->as_bool();
  if (value == nullptr) return yaml::fault(node->mark, full_name(key) + ": expected true or false");
  return *value;
}

}  // namespace kw::config
