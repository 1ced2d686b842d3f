// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"

namespace kw::config {

// Fields reads one mapping of the configuration. Each error is an InvalidArgument refusal with line
// and column that names the field in full, such as "token.uri". Borrows the node and the folder,
// which must outlive it.
class Fields {
 public:
  // `path` is the mapping's own name, empty for the document. Errors: no mapping, unknown keys.
  static Result<Fields> of(const yaml::Node& node, std::string path,
                           const std::filesystem::path& folder,
                           std::vector<std::string_view> known);

  // The node of a field; null if absent.
  const yaml::Node* find(std::string_view key) const { return node_->find(key); }
  Result<const yaml::Node*> require(std::string_view key) const;

  // A nested mapping.
  Result<Fields> mapping(std::string_view key, std::vector<std::string_view> known) const;

  // Values that must be there and not be empty. A path is taken from the folder on.
  Result<std::string> text(std::string_view key) const;
  Result<std::filesystem::path> path(std::string_view key) const;

  // Values that may be absent.
  Result<std::optional<std::filesystem::path>> optional_path(std::string_view key) const;
  Result<std::chrono::milliseconds> duration(std::string_view key,
                                             std::chrono::milliseconds otherwise) const;
  Result<bool> flag(std::string_view key, bool otherwise) const;
  Result<unsigned> count(std::string_view key, unsigned otherwise, unsigned most) const;

  // The non-empty text of a node, which is called `name` in errors.
  Result<std::string> text_of(const yaml::Node& node, std::string_view name) const;

  const std::filesystem::path& folder() const noexcept { return *folder_; }
  std::string full_name(std::string_view key) const;

  // An error at the field, in the words of another one.
  Error fault_at(std::string_view key, const Error& cause) const;

 private:
  Fields(const yaml::Node& node, std::string path, const std::filesystem::path& folder)
      : node_(&node), path_(std::move(path)), folder_(&folder) {}

  const yaml::Node* node_;
  std::string path_;
  const std::filesystem::path* folder_;
};

}  // namespace kw::config
