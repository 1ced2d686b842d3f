// SPDX-License-Identifier: Apache-2.0
#include "policy/document.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "policy/fields.h"

namespace kw::policy {
namespace {

using IdsByName = std::unordered_map<std::string_view, PrincipalId>;

constexpr std::array<std::string_view, 2> kNotYet = {"limits", "require"};

// What everybody may be given on every key without a condition.
constexpr OperationSet kHarmless = {Operation::Read, Operation::Verify, Operation::VerifyMac};

Result<OperationSet> read_operations(const yaml::Node& node) {
  OperationSet all;
  for (const yaml::Node& item : *TRY(read_list(node))) {
    const std::string word = TRY(read_text(item));
    const auto operations = parse_operations(word);
    if (!operations) return yaml::fault(item.mark, "'" + word + "' is no operation and no group");
    all = all | *operations;
  }
  return all;
}

Result<void> read_effect(const yaml::Node& node, Rule& rule) {
  const yaml::Node* const allow = node.find("allow");
  const yaml::Node* const deny = node.find("deny");
  if ((allow != nullptr) == (deny != nullptr)) {
    return yaml::fault(node.mark, "a rule has either 'allow' or 'deny'");
  }
  rule.effect = allow != nullptr ? Effect::Allow : Effect::Deny;
  rule.operations = TRY(read_operations(allow != nullptr ? *allow : *deny));
  return {};
}

Result<std::vector<PrincipalId>> read_to(const yaml::Node& node, const IdsByName& ids) {
  std::vector<PrincipalId> to;
  for (const yaml::Node& item : *TRY(read_list(node))) {
    const std::string name = TRY(read_text(item));
    const auto known = ids.find(name);
    if (known == ids.end()) return yaml::fault(item.mark, "no principal is named '" + name + "'");
    to.push_back(known->second);
  }
  std::sort(to.begin(), to.end());
  to.erase(std::unique(to.begin(), to.end()), to.end());
  return to;
}

Result<void> read_keys(const yaml::Node& node, Rule& rule) {
  const bool needs_keys = !(rule.operations & OperationSet::naming_a_key()).empty();
  const yaml::Node* const keys = node.find("keys");
  if (keys == nullptr) {
    if (needs_keys) return yaml::fault(node.mark, "'keys' is missing");
    return {};
  }
  for (const yaml::Node& item : *TRY(read_list(*keys))) {
    const std::string text = TRY(read_text(item));
    Result<Pattern> pattern = Pattern::parse_key(text);
    if (!pattern) return at(item.mark, pattern.error());
    rule.keys.push_back(*std::move(pattern));
  }
  return {};
}

Result<void> read_rule_conditions(const yaml::Node& node, Rule& rule) {
  if (const yaml::Node* const when = node.find("when")) rule.when = TRY(read_conditions(*when));
  if (const yaml::Node* const unless = node.find("unless")) {
    if (rule.effect == Effect::Allow) {
      return yaml::fault(unless->mark, "'unless' is for deny rules only");
    }
    rule.unless = TRY(read_conditions(*unless));
  }
  return {};
}

bool grants_everything(const Rule& rule) {
  if (rule.effect == Effect::Deny || !rule.when.empty() || rule.to.front() != kEverybody)
    return false;
  const bool on_every_key = std::any_of(rule.keys.begin(), rule.keys.end(),
                                        [](const Pattern& key) { return key.is_everything(); });
  const OperationSet on_keys = rule.operations & OperationSet::naming_a_key();
  return rule.operations.contains(Operation::WritePolicy) ||
         (on_every_key && !(on_keys - kHarmless).empty());
}

Result<Rule> read_rule(const yaml::Node& node, const IdsByName& ids) {
  TRY(check_fields(node,
                   {"id", "allow", "deny", "to", "keys", "when", "unless", "limits", "require"}));
  for (const std::string_view word : kNotYet) {
    if (const yaml::Node* const value = node.find(word)) {
      return yaml::fault(value->mark, "'" + std::string(word) + "' is not yet supported");
    }
  }
  Rule rule;
  const yaml::Node* const id = TRY(require_field(node, "id"));
  const std::string name = TRY(read_text(*id));
  rule.id = TRY(check_name(name, id->mark));
  TRY(read_effect(node, rule));
  const yaml::Node* const to = TRY(require_field(node, "to"));
  rule.to = TRY(read_to(*to, ids));
  TRY(read_keys(node, rule));
  TRY(read_rule_conditions(node, rule));
  if (grants_everything(rule)) {
    return yaml::fault(node.mark,
                       "this rule would give everybody every key (or the policy itself): "
                       "name principals, keys or conditions");
  }
  return rule;
}

}  // namespace

Result<std::vector<Rule>> read_rules(const yaml::Node& node,
                                     const std::vector<Principal>& principals) {
  if (node.as_sequence() == nullptr) return yaml::fault(node.mark, "must be a list of rules");
  IdsByName ids;
  for (std::size_t i = 0; i < principals.size(); ++i) {
    ids.emplace(principals[i].name, static_cast<PrincipalId>(i));
  }
  std::vector<Rule> rules;
  std::unordered_set<std::string> seen;
  for (const yaml::Node& item : *node.as_sequence()) {
    rules.push_back(TRY(read_rule(item, ids)));
    if (!seen.insert(rules.back().id).second) {
      return yaml::fault(item.mark, "a second rule with the id '" + rules.back().id + "'");
    }
  }
  std::sort(rules.begin(), rules.end(), [](const Rule& a, const Rule& b) { return a.id < b.id; });
  return rules;
}

}  // namespace kw::policy
