// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "policy/document.h"
#include "policy/exact_index.h"
#include "policy/id_set.h"
#include "policy/relation.h"
#include "policy/trie.h"

namespace kw::policy {

// PrincipalIndex finds the principals that a caller is. Immutable.
class PrincipalIndex {
 public:
  explicit PrincipalIndex(const std::vector<Principal>& principals);

  // All principals that the proven facts match, groups and everybody included. Empty if nothing was
  // proven.
  IdSet match(const Facts& facts) const;

 private:
  void match_names(const Facts& facts, IdSet& found) const;
  void add_groups(IdSet& found) const;
  bool is_met(PrincipalId group, const IdSet& found) const;

  Trie<PrincipalId> spiffe_;
  ExactIndex dns_;
  ExactIndex dns_parents_;  // what stands behind "*."
  ExactIndex spki_;
  ExactIndex subject_;
  Relation groups_of_;   // groups that have the principal as a member
  Relation members_of_;  // members that a group needs: all of them, or none for a group of any
};

}  // namespace kw::policy
