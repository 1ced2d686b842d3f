// SPDX-License-Identifier: Apache-2.0
#include "policy/diff.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "policy/document.h"

namespace kw::policy {
namespace {

using Claims = std::vector<std::string>;         // sorted
using ClaimsOf = std::map<std::string, Claims>;  // by subject

std::string_view word_of(MatcherKind kind) noexcept {
  switch (kind) {
    case MatcherKind::Everybody:
      return "everybody";
    case MatcherKind::Spiffe:
      return "spiffe";
    case MatcherKind::Dns:
      return "dns";
    case MatcherKind::Spki:
      return "spki";
    case MatcherKind::Subject:
      return "subject";
    case MatcherKind::AnyOf:
      return "any";
    case MatcherKind::AllOf:
      return "all";
  }
  return "";
}

Claims claims_of(const Document& document, const Principal& principal) {
  const std::string word = std::string(word_of(principal.kind)) + " ";
  if (!principal.value.empty()) return {word + principal.value};
  Claims claims;
  for (const PrincipalId member : principal.members) {
    claims.push_back(word + document.principals[member].name);
  }
  return claims;
}

void add_conditions(const std::string& word, const std::vector<Condition>& conditions,
                    Claims& claims) {
  for (const Condition& condition : conditions) {
    claims.push_back(word + condition.name() + " " + condition.wanted());
  }
}

Claims claims_of(const Document& document, const Rule& rule) {
  Claims claims;
  const std::string effect = rule.effect == Effect::Allow ? "allow " : "deny ";
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    if (rule.operations.contains(operation))
      claims.push_back(effect + std::string(name_of(operation)));
  }
  for (const PrincipalId id : rule.to) claims.push_back("to " + document.principals[id].name);
  for (const Pattern& pattern : rule.keys) claims.push_back("keys " + pattern.text());
  add_conditions("when ", rule.when, claims);
  add_conditions("unless ", rule.unless, claims);
  return claims;
}

ClaimsOf claims_of(const Document& document) {
  ClaimsOf all;
  for (std::size_t id = kEverybody + 1; id < document.principals.size(); ++id) {
    const Principal& principal = document.principals[id];
    all["principal " + principal.name] = claims_of(document, principal);
  }
  for (const Rule& rule : document.rules) all["rule " + rule.id] = claims_of(document, rule);
  for (auto& [subject, claims] : all) std::sort(claims.begin(), claims.end());
  return all;
}

Claims only_in(const Claims& left, const Claims& right) {
  Claims claims;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                      std::back_inserter(claims));
  return claims;
}

}  // namespace

Result<std::vector<Change>> diff(std::string_view before, std::string_view after) {
  ClaimsOf old_claims = claims_of(TRY(read_document(before)));
  const ClaimsOf new_claims = claims_of(TRY(read_document(after)));
  std::map<std::string, Change> changes;
  for (const auto& [subject, claims] : new_claims) {
    const auto old = old_claims.find(subject);
    if (old == old_claims.end()) {
      changes[subject] = {Change::Kind::Added, subject, {}, claims};
    } else if (old->second != claims) {
      changes[subject] = {Change::Kind::Changed, subject, only_in(old->second, claims),
                          only_in(claims, old->second)};
    }
  }
  for (auto& [subject, claims] : old_claims) {
    if (new_claims.contains(subject)) continue;
    changes[subject] = {Change::Kind::Removed, subject, std::move(claims), {}};
  }
  std::vector<Change> ordered;
  ordered.reserve(changes.size());
  for (auto& [subject, change] : changes) ordered.push_back(std::move(change));
  return ordered;
}

}  // namespace kw::policy
