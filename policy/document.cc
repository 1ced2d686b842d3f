// SPDX-License-Identifier: Apache-2.0
#include "policy/document.h"

#include "policy/fields.h"

namespace kw::policy {
namespace {

constexpr std::string_view kVersion = "keyward-policy/1";

}  // namespace

Result<Document> read_document(std::string_view text) {
  const yaml::Node root = TRY(yaml::parse(text));
  TRY(check_fields(root, {"version", "principals", "rules", "caps", "tests"}));
  const yaml::Node* const version = TRY(require_field(root, "version"));
  if (TRY(read_text(*version)) != kVersion) {
    return yaml::fault(version->mark, "the version must be keyward-policy/1");
  }
  if (const yaml::Node* const caps = root.find("caps")) {
    return yaml::fault(caps->mark, "'caps' are not yet supported");
  }
  Document document;
  const yaml::Node nobody{yaml::Node::Mapping(), root.mark};
  const yaml::Node* const principals = root.find("principals");
  document.principals = TRY(read_principals(principals != nullptr ? *principals : nobody));
  const yaml::Node* const rules = TRY(require_field(root, "rules"));
  document.rules = TRY(read_rules(*rules, document.principals));
  if (const yaml::Node* const tests = root.find("tests")) {
    document.tests = TRY(read_tests(*tests, document.rules));
  }
  return document;
}

}  // namespace kw::policy
