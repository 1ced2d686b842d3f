// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "policy/document.h"
#include "policy/policy.h"
#include "policy/principal_index.h"
#include "policy/relation.h"
#include "policy/trie.h"

namespace kw::policy {

// Engine is a document compiled for deciding. Rules that share their `to` form a bundle; a caller
// has a few bundles, and each is one root of a trie over key patterns. Immutable; `document` must
// outlive it, and lends it the ids of rules.
class Engine {
 public:
  explicit Engine(const Document& document);

  Standing standing_of(const Facts& facts) const;
  Decision decide(const Standing& standing, const Facts& facts, const Question& question) const;
  Explanation explain(const Facts& facts, const Question& question) const;
  bool may_anything(const Facts& facts, Operation operation) const;

 private:
  // What the trie holds of a rule, enough to pass over most rules without touching them.
  struct Leaf {
    OperationSet operations;
    std::uint32_t rule;
    Effect effect;
    bool is_conditional;
  };
  struct Bundle {
    OperationSet allowed;        // by some rule, on some key
    OperationSet never_allowed;  // denied on every key, whatever the conditions
    std::vector<Leaf> keyless;   // rules on operations that name no key
  };
  class Silence;
  class Recorder;
  template <typename Witness>
  class Evaluation;

  IdSet bundles_of(const IdSet& principals) const;
  template <typename Witness>
  Decision evaluate(const IdSet& bundles, const Facts& facts, const Question& question,
                    Witness& witness) const;
  void add_other_keys(const IdSet& bundles, const Question& question,
                      std::vector<NearMiss>& out) const;

  const Document& document_;
  PrincipalIndex principals_;
  std::vector<Bundle> bundles_;
  Relation bundles_of_;  // by principal
  Relation rules_of_;    // by bundle
  Trie<Leaf> keys_;      // one root for each bundle
};

}  // namespace kw::policy
