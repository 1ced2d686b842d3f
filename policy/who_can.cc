// SPDX-License-Identifier: Apache-2.0
#include "policy/who_can.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace kw::policy {
namespace {

using Ids = std::set<PrincipalId>;

bool is_about(const Rule& rule, Operation operation, std::string_view key) {
  if (!rule.operations.contains(operation)) return false;
  if (!names_a_key(operation)) return true;
  return std::any_of(rule.keys.begin(), rule.keys.end(),
                     [key](const Pattern& pattern) { return pattern.matches(key); });
}

bool is_unconditional(const Rule& rule) { return rule.when.empty() && rule.unless.empty(); }

// The principals that together are a principal: the members of a group of any, at every depth.
void add_parts(const Document& document, PrincipalId id, Ids& out) {
  const Principal& principal = document.principals[id];
  if (principal.kind != MatcherKind::AnyOf) {
    out.insert(id);
    return;
  }
  for (const PrincipalId member : principal.members) add_parts(document, member, out);
}

// Whether every caller that is `id` is one of `set` too.
bool is_within(const Document& document, PrincipalId id, const Ids& set) {
  if (set.contains(id) || set.contains(kEverybody)) return true;
  const Principal& principal = document.principals[id];
  const auto member_is = [&](PrincipalId member) { return is_within(document, member, set); };
  const auto& members = principal.members;
  if (principal.kind == MatcherKind::AllOf) {
    return std::any_of(members.begin(), members.end(), member_is);
  }
  return principal.kind == MatcherKind::AnyOf &&
         std::all_of(members.begin(), members.end(), member_is);
}

std::vector<std::string> in_words(const std::vector<Condition>& conditions) {
  std::vector<std::string> words;
  words.reserve(conditions.size());
  for (const Condition& condition : conditions) {
    words.push_back(condition.name() + " " + condition.wanted());
  }
  return words;
}

// Whom a deny without conditions keeps out.
Ids denied_ids(const Document& document, Operation operation, std::string_view key) {
  Ids denied;
  for (const Rule& rule : document.rules) {
    if (rule.effect == Effect::Allow || !is_unconditional(rule)) continue;
    if (!is_about(rule, operation, key)) continue;
    for (const PrincipalId id : rule.to) add_parts(document, id, denied);
  }
  return denied;
}

}  // namespace

std::vector<Grant> who_can(const Document& document, Operation operation, std::string_view key) {
  const Ids denied = denied_ids(document, operation, key);
  std::vector<Grant> grants;
  for (const Rule& rule : document.rules) {
    if (rule.effect == Effect::Deny || !is_about(rule, operation, key)) continue;
    Ids given;
    for (const PrincipalId id : rule.to) add_parts(document, id, given);
    for (const PrincipalId id : given) {
      if (is_within(document, id, denied)) continue;
      grants.push_back({document.principals[id].name, rule.id, in_words(rule.when)});
    }
  }
  std::sort(grants.begin(), grants.end(), [](const Grant& a, const Grant& b) {
    return std::tie(a.principal, a.rule) < std::tie(b.principal, b.rule);
  });
  return grants;
}

}  // namespace kw::policy
