// SPDX-License-Identifier: Apache-2.0
#include "policy/engine.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "base/names.h"

namespace kw::policy {
namespace {

constexpr std::uint32_t kNoRule = std::numeric_limits<std::uint32_t>::max();

std::string words_of(OperationSet operations) {
  std::string words;
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    if (!operations.contains(operation)) continue;
    if (!words.empty()) words += ", ";
    words += name_of(operation);
  }
  return words;
}

// An allow needs every condition to be true; a deny gives way only to one that is surely false, or
// to an exception that is surely true.
bool holds(const Rule& rule, const Facts& facts, const Question& question) noexcept {
  const Truth when = all_hold(rule.when, facts, question);
  if (rule.effect == Effect::Allow) return when == Truth::True;
  return when != Truth::False &&
         (rule.unless.empty() || all_hold(rule.unless, facts, question) != Truth::True);
}

// Keys of this algorithm leave the token for a moment, message by message: whoever wrote a rule
// before he knew of them gave nobody one.
constexpr std::string_view kHostAlgorithm = "aes-256-gcm-host";
constexpr OperationSet kHostOperations{Operation::Create, Operation::Rotate, Operation::Import,
                                       Operation::Wrap,   Operation::Unwrap, Operation::Rewrap,
                                       Operation::DataKey};

bool must_be_named(const Question& question) noexcept {
  return question.algorithm == kHostAlgorithm && kHostOperations.contains(question.operation);
}

bool names_algorithm(const Rule& rule) {
  return std::any_of(rule.when.begin(), rule.when.end(),
                     [](const Condition& condition) { return condition.name() == "algorithm"; });
}

// The operations that an unconditional deny takes away wholly.
OperationSet denied_everywhere(const Rule& rule) {
  if (rule.effect == Effect::Allow || !rule.when.empty() || !rule.unless.empty()) return {};
  const bool on_every_key = std::any_of(rule.keys.begin(), rule.keys.end(),
                                        [](const Pattern& key) { return key.is_everything(); });
  return on_every_key ? rule.operations : rule.operations - OperationSet::naming_a_key();
}

}  // namespace

// Silence is the witness of a decision that nobody asked to explain.
class Engine::Silence {
 public:
  void wrong_operation(std::uint32_t) noexcept {}
  void failed(std::uint32_t) noexcept {}
  void unnamed(std::uint32_t) noexcept {}
};

// Recorder is the witness that writes down the near misses of allow rules.
class Engine::Recorder {
 public:
  Recorder(const Document& document, const Facts& facts, const Question& question)
      : document_(document), facts_(facts), question_(question) {}

  void wrong_operation(std::uint32_t index) {
    const Rule& rule = document_.rules[index];
    if (rule.effect == Effect::Deny) return;
    misses.push_back({rule.id, "operation", words_of(rule.operations),
                      std::string(name_of(question_.operation))});
  }

  void unnamed(std::uint32_t index) {
    const Rule& rule = document_.rules[index];
    misses.push_back({rule.id, "algorithm", "named by the rule", std::string(question_.algorithm)});
  }

  void failed(std::uint32_t index) {
    const Rule& rule = document_.rules[index];
    if (rule.effect == Effect::Deny) return;
    for (const Condition& condition : rule.when) {
      if (condition.test(facts_, question_) == Truth::True) continue;
      misses.push_back(
          {rule.id, condition.name(), condition.wanted(), condition.found(facts_, question_)});
    }
  }

  std::vector<NearMiss> misses;

 private:
  const Document& document_;
  const Facts& facts_;
  const Question& question_;
};

// Evaluation weighs the rules that are about a caller and a key, in whatever order they come.
template <typename Witness>
class Engine::Evaluation {
 public:
  Evaluation(const Document& document, const Facts& facts, const Question& question,
             Witness& witness)
      : document_(document), facts_(facts), question_(question), witness_(witness) {}

  void weigh(const Leaf& leaf) {
    if (!leaf.operations.contains(question_.operation)) {
      witness_.wrong_operation(leaf.rule);
      return;
    }
    if (must_be_named_ && leaf.effect == Effect::Allow && !leaf.names_algorithm) {
      witness_.unnamed(leaf.rule);
      return;
    }
    if (leaf.is_conditional && !holds(document_.rules[leaf.rule], facts_, question_)) {
      witness_.failed(leaf.rule);
      return;
    }
    std::uint32_t& first = leaf.effect == Effect::Allow ? first_allow_ : first_deny_;
    first = std::min(first, leaf.rule);
  }

  // Of several rules that match, the one with the least id is named.
  Decision decision() const {
    if (first_deny_ != kNoRule) return {false, document_.rules[first_deny_].id};
    if (first_allow_ != kNoRule) return {true, document_.rules[first_allow_].id};
    return {};
  }

 private:
  const Document& document_;
  const Facts& facts_;
  const Question& question_;
  Witness& witness_;
  const bool must_be_named_ = must_be_named(question_);
  std::uint32_t first_allow_ = kNoRule;
  std::uint32_t first_deny_ = kNoRule;
};

Engine::Engine(const Document& document) : document_(document), principals_(document.principals) {
  std::map<std::vector<PrincipalId>, std::uint32_t> numbers;
  std::vector<Trie<Leaf>::Insertion> insertions;
  std::vector<Relation::Pair> bundles_of, rules_of;
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    const Rule& rule = document.rules[i];
    const auto [at, is_new] =
        numbers.try_emplace(rule.to, static_cast<std::uint32_t>(numbers.size()));
    const std::uint32_t number = at->second;
    if (is_new) {
      bundles_.emplace_back();
      for (const PrincipalId principal : rule.to) bundles_of.emplace_back(principal, number);
    }
    const Leaf leaf{rule.operations, static_cast<std::uint32_t>(i), rule.effect,
                    !rule.when.empty() || !rule.unless.empty(), names_algorithm(rule)};
    rules_of.emplace_back(number, leaf.rule);
    for (const Pattern& key : rule.keys) insertions.push_back({number, &key, leaf});
    Bundle& bundle = bundles_[number];
    if (rule.effect == Effect::Allow) bundle.allowed = bundle.allowed | rule.operations;
    bundle.never_allowed = bundle.never_allowed | denied_everywhere(rule);
    if (!(rule.operations - OperationSet::naming_a_key()).empty()) bundle.keyless.push_back(leaf);
  }
  bundles_of_ = Relation(document.principals.size(), std::move(bundles_of));
  rules_of_ = Relation(bundles_.size(), std::move(rules_of));
  keys_ = Trie<Leaf>(static_cast<std::uint32_t>(bundles_.size()), insertions);
}

IdSet Engine::bundles_of(const IdSet& principals) const {
  IdSet bundles;
  for (std::size_t i = 0; i < principals.size(); ++i) {
    for (const std::uint32_t bundle : bundles_of_.of(principals[i])) bundles.add(bundle);
  }
  return bundles;
}

template <typename Witness>
Decision Engine::evaluate(const IdSet& bundles, const Facts& facts, const Question& question,
                          Witness& witness) const {
  Evaluation<Witness> evaluation(document_, facts, question, witness);
  if (!names_a_key(question.operation)) {
    for (std::size_t i = 0; i < bundles.size(); ++i) {
      for (const Leaf& leaf : bundles_[bundles[i]].keyless) evaluation.weigh(leaf);
    }
  } else if (KeyName::is_valid(question.key)) {
    const Path path = keys_.cut(question.key);
    for (std::size_t i = 0; i < bundles.size(); ++i) {
      keys_.visit(bundles[i], path, [&evaluation](const Leaf& leaf) { evaluation.weigh(leaf); });
    }
  }
  return evaluation.decision();
}

Standing Engine::standing_of(const Facts& facts) const {
  return {*this, bundles_of(principals_.match(facts))};
}

Decision Engine::decide(const Standing& standing, const Facts& facts,
                        const Question& question) const {
  KW_ASSERT(standing.engine_ == this);  // another policy's numbers would name other rules
  Silence silence;
  return evaluate(standing.bundles_, facts, question, silence);
}

bool Engine::may_anything(const Facts& facts, Operation operation) const {
  const IdSet bundles = bundles_of(principals_.match(facts));
  OperationSet allowed;
  OperationSet never_allowed;
  for (std::size_t i = 0; i < bundles.size(); ++i) {
    allowed = allowed | bundles_[bundles[i]].allowed;
    never_allowed = never_allowed | bundles_[bundles[i]].never_allowed;
  }
  return (allowed - never_allowed).contains(operation);
}

Explanation Engine::explain(const Facts& facts, const Question& question) const {
  const IdSet principals = principals_.match(facts);
  const IdSet bundles = bundles_of(principals);
  Recorder recorder(document_, facts, question);
  const Decision decision = evaluate(bundles, facts, question, recorder);
  Explanation explanation;
  explanation.allowed = decision.allowed;
  explanation.rule = decision.rule;
  for (std::size_t i = 0; i < principals.size(); ++i) {
    if (principals[i] == kEverybody) continue;
    explanation.principals.push_back(document_.principals[principals[i]].name);
  }
  std::sort(explanation.principals.begin(), explanation.principals.end());
  if (!decision.rule.empty()) return explanation;
  std::vector<NearMiss>& misses = explanation.near_misses = std::move(recorder.misses);
  add_other_keys(bundles, question, misses);
  const auto key = [](const NearMiss& miss) { return std::tie(miss.rule, miss.condition); };
  std::sort(misses.begin(), misses.end(),
            [key](const NearMiss& a, const NearMiss& b) { return key(a) < key(b); });
  const auto same = [key](const NearMiss& a, const NearMiss& b) { return key(a) == key(b); };
  misses.erase(std::unique(misses.begin(), misses.end(), same), misses.end());
  return explanation;
}

// The rules that would give the caller this operation, but on other keys.
void Engine::add_other_keys(const IdSet& bundles, const Question& question,
                            std::vector<NearMiss>& out) const {
  if (!names_a_key(question.operation)) return;
  for (std::size_t i = 0; i < bundles.size(); ++i) {
    for (const std::uint32_t index : rules_of_.of(bundles[i])) {
      const Rule& rule = document_.rules[index];
      const bool fits = std::any_of(rule.keys.begin(), rule.keys.end(),
                                    [&](const Pattern& key) { return key.matches(question.key); });
      if (fits || rule.effect == Effect::Deny || !rule.operations.contains(question.operation)) {
        continue;
      }
      std::string wanted;
      for (const Pattern& key : rule.keys) wanted += (wanted.empty() ? "" : ", ") + key.text();
      out.push_back({rule.id, "keys", std::move(wanted), std::string(question.key)});
    }
  }
}

}  // namespace kw::policy
