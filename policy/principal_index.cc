// SPDX-License-Identifier: Apache-2.0
#include "policy/principal_index.h"

#include <algorithm>

namespace kw::policy {
namespace {

constexpr std::string_view kAnyLabel = "*.";

void add_all(std::span<const std::uint32_t> ids, IdSet& found) {
  for (const std::uint32_t id : ids) found.add(id);
}

}  // namespace

PrincipalIndex::PrincipalIndex(const std::vector<Principal>& principals) {
  std::vector<Trie<PrincipalId>::Insertion> spiffe;
  std::vector<ExactIndex::Entry> dns, dns_parents, spki, subject;
  std::vector<Relation::Pair> groups, needed;
  for (std::size_t i = 0; i < principals.size(); ++i) {
    const Principal& principal = principals[i];
    const auto id = static_cast<PrincipalId>(i);
    const std::string_view value = principal.value;
    switch (principal.kind) {
      case MatcherKind::Everybody:
        break;
      case MatcherKind::Spiffe:
        spiffe.push_back({0, &*principal.pattern, id});
        break;
      case MatcherKind::Dns:
        if (value.starts_with(kAnyLabel)) {
          dns_parents.emplace_back(value.substr(kAnyLabel.size()), id);
        } else {
          dns.emplace_back(value, id);
        }
        break;
      case MatcherKind::Spki:
        spki.emplace_back(value, id);
        break;
      case MatcherKind::Subject:
        subject.emplace_back(value, id);
        break;
      case MatcherKind::AnyOf:
      case MatcherKind::AllOf:
        for (const PrincipalId member : principal.members) {
          groups.emplace_back(member, id);
          if (principal.kind == MatcherKind::AllOf) needed.emplace_back(id, member);
        }
        break;
    }
  }
  spiffe_ = Trie<PrincipalId>(1, spiffe);
  dns_ = ExactIndex(dns);
  dns_parents_ = ExactIndex(dns_parents);
  spki_ = ExactIndex(spki);
  subject_ = ExactIndex(subject);
  groups_of_ = Relation(principals.size(), std::move(groups));
  members_of_ = Relation(principals.size(), std::move(needed));
}

IdSet PrincipalIndex::match(const Facts& facts) const {
  IdSet found;
  if (facts.spki.empty() && facts.subject.empty() && facts.spiffe.empty() && facts.dns.empty()) {
    return found;
  }
  found.add(kEverybody);
  if (!facts.spki.empty()) add_all(spki_.find(facts.spki), found);
  if (!facts.subject.empty()) add_all(subject_.find(facts.subject), found);
  match_names(facts, found);
  add_groups(found);
  return found;
}

void PrincipalIndex::match_names(const Facts& facts, IdSet& found) const {
  for (const std::string_view id : facts.spiffe) {
    if (!id.starts_with(kSpiffeScheme)) continue;
    const Path path = spiffe_.cut(id.substr(kSpiffeScheme.size()));
    spiffe_.visit(0, path, [&found](PrincipalId principal) { found.add(principal); });
  }
  for (const std::string_view name : facts.dns) {
    add_all(dns_.find(name), found);
    const std::size_t dot = name.find('.');
    if (dot != std::string_view::npos) add_all(dns_parents_.find(name.substr(dot + 1)), found);
  }
}

// `found` grows while it is walked, so that groups of groups are met too.
void PrincipalIndex::add_groups(IdSet& found) const {
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const PrincipalId group : groups_of_.of(found[i])) {
      if (is_met(group, found)) found.add(group);
    }
  }
}

bool PrincipalIndex::is_met(PrincipalId group, const IdSet& found) const {
  const auto needed = members_of_.of(group);
  return std::all_of(needed.begin(), needed.end(),
                     [&found](PrincipalId member) { return found.contains(member); });
}

}  // namespace kw::policy
