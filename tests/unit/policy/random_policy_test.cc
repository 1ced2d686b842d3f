// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"
#include "tests/support/expect.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>

namespace kw::policy {
namespace {

using Words = std::vector<std::string>;

// NaivePolicy says what the language means, by the plainest means: every rule is tried. It knows
// what random_policy_test.cc generates and no more.
struct NaivePolicy {
  struct Rule {
    std::string id;
    bool is_deny = false;
    std::vector<std::string> operations;
    std::vector<std::string> to;
    std::vector<std::string> keys;
    std::string algorithm;  // of `when`; empty: no condition
    std::string exception;  // algorithm of `unless`; empty: none
  };
  // Principals "p0" … are DNS names "p0.example"; "any01" and "all01" are groups of p0 and p1.
  std::vector<Rule> rules;

  static std::vector<std::string> segments(const std::string& path) {
    std::vector<std::string> parts;
    std::istringstream in(path);
    for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
    return parts;
  }

  static bool matches(const std::string& pattern, const std::string& key) {
    const auto wanted = segments(pattern);
    const auto given = segments(key);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == "**") return given.size() > i;
      if (i >= given.size()) return false;
      const bool is_prefix = wanted[i].back() == '*';
      const std::string text = wanted[i].substr(0, wanted[i].size() - (is_prefix ? 1 : 0));
      if (is_prefix ? given[i].rfind(text, 0) != 0 : given[i] != text) return false;
    }
    return wanted.size() == given.size();
  }

  static bool is(const std::string& principal, const std::vector<std::string>& caller) {
    const auto has = [&caller](const std::string& name) {
      return std::find(caller.begin(), caller.end(), name) != caller.end();
    };
    if (principal == "*") return !caller.empty();
    if (principal == "any01") return has("p0") || has("p1");
    if (principal == "all01") return has("p0") && has("p1");
    return has(principal);
  }

  static bool applies(const Rule& rule, const std::string& algorithm) {
    if (!rule.is_deny) return rule.algorithm.empty() || rule.algorithm == algorithm;
    const bool maybe = rule.algorithm.empty() || algorithm.empty() || rule.algorithm == algorithm;
    return maybe && (rule.exception.empty() || rule.exception != algorithm);
  }

  // "allow ID", "deny ID" or "deny".
  std::string decide(const std::vector<std::string>& caller, const std::string& operation,
                     const std::string& key, const std::string& algorithm) const {
    std::string allow, deny;
    for (const Rule& rule : rules) {
      const auto any = [](const auto& list, auto claim) {
        return std::any_of(list.begin(), list.end(), claim);
      };
      if (!any(rule.operations, [&](const auto& word) { return word == operation; })) continue;
      if (!any(rule.to, [&](const auto& name) { return is(name, caller); })) continue;
      if (operation != "random" && !any(rule.keys, [&](const auto& p) { return matches(p, key); }))
        continue;
      if (!applies(rule, algorithm)) continue;
      std::string& first = rule.is_deny ? deny : allow;
      if (first.empty() || rule.id < first) first = rule.id;
    }
    return !deny.empty() ? "deny " + deny : !allow.empty() ? "allow " + allow : "deny";
  }
};

constexpr int kPolicies = 60;
constexpr int kQuestionsEach = 400;  // 24,000 in all

const Words kOperations = {"wrap", "unwrap", "sign", "read", "random"};
const Words kPrincipalPatterns = {"p0", "p1", "p2", "p3", "any01", "all01", "*"};
const Words kSegments = {"a", "ab", "abc", "b"};
const Words kPatternSegments = {"a", "ab", "abc", "b", "*", "a*", "ab*"};
const Words kAlgorithms = {"", "ed25519", "xaes-256-gcm"};

// Dice is a fixed sequence: a failure can be had again.
class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  const std::string& one_of(const Words& words) { return words[below(words.size())]; }
  Words some_of(const Words& words, std::size_t most) {
    std::set<std::string> chosen;
    for (std::size_t i = 0; i <= below(most); ++i) chosen.insert(one_of(words));
    return {chosen.begin(), chosen.end()};
  }
  template <typename List>
  void shuffle(List& list) {
    std::shuffle(list.begin(), list.end(), engine_);
  }

 private:
  std::mt19937 engine_;
};

std::string path_of(Dice& dice, const Words& segments) {
  std::string path = dice.one_of(segments);
  for (std::size_t more = dice.below(3); more > 0; --more) path += "/" + dice.one_of(segments);
  return path;
}

NaivePolicy::Rule random_rule(Dice& dice, std::size_t number) {
  NaivePolicy::Rule rule;
  rule.id = "r" + std::to_string(number);
  rule.is_deny = dice.below(4) == 0;
  rule.operations = dice.some_of(kOperations, 3);
  rule.to = dice.some_of(kPrincipalPatterns, 2);
  for (std::size_t i = 0; i <= dice.below(2); ++i) {
    std::string key = path_of(dice, kPatternSegments);
    if (dice.below(4) == 0) key += "/**";
    rule.keys.push_back(std::move(key));
  }
  rule.algorithm = dice.one_of(kAlgorithms);
  if (rule.is_deny) rule.exception = dice.one_of(kAlgorithms);
  return rule;
}

NaivePolicy random_policy(Dice& dice) {
  NaivePolicy policy;
  for (std::size_t i = 0; i < 1 + dice.below(25); ++i) policy.rules.push_back(random_rule(dice, i));
  return policy;
}

std::string list_of(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "'" : ", '") + word + "'";
  return "[" + text + "]";
}

std::string text_of(const NaivePolicy& policy) {
  std::string text = "version: keyward-policy/1\nprincipals:\n";
  for (const auto* const name : {"p0", "p1", "p2", "p3"}) {
    text += std::string("  ") + name + ": {dns: " + name + ".example}\n";
  }
  text += "  any01: {any: [p0, p1]}\n  all01: {all: [p0, p1]}\nrules:\n";
  for (const NaivePolicy::Rule& rule : policy.rules) {
    text += "- {id: " + rule.id + (rule.is_deny ? ", deny: " : ", allow: ") +
            list_of(rule.operations) + ", to: " + list_of(rule.to) +
            ", keys: " + list_of(rule.keys);
    if (!rule.algorithm.empty()) text += ", when: {algorithm: [" + rule.algorithm + "]}";
    if (!rule.exception.empty()) text += ", unless: {algorithm: [" + rule.exception + "]}";
    text += "}\n";
  }
  return text;
}

struct RandomQuestion {
  Words caller;
  std::string operation;
  std::string key;
  std::string algorithm;

  explicit RandomQuestion(Dice& dice)
      : caller(dice.some_of({"p0", "p1", "p2", "p3"}, 3)),
        operation(dice.one_of(kOperations)),
        key(path_of(dice, kSegments)),
        algorithm(dice.one_of(kAlgorithms)) {}

  template <typename Ask>
  auto put(Ask&& ask) const {
    Words names;
    for (const std::string& name : caller) names.push_back(name + ".example");
    Facts facts;
    facts.dns = names;
    Question question;
    question.operation = parse_operation(operation).value();
    if (names_a_key(question.operation)) question.key = key;
    question.algorithm = algorithm;
    return ask(facts, question);
  }

  std::string decide(const Policy& policy) const {
    return put([&policy](const Facts& facts, const Question& question) {
      const Decision decision = policy.decide(facts, question);
      std::string text = decision.allowed ? "allow" : "deny";
      if (!decision.rule.empty()) text += " " + std::string(decision.rule);
      return text;
    });
  }
};

}  // namespace

TEST_CASE("policy: decides as the naive evaluator does", "[policy][property]") {
  Dice dice(1);
  std::map<std::string, int> outcomes;
  for (int i = 0; i < kPolicies; ++i) {
    const NaivePolicy naive = random_policy(dice);
    const auto policy = REQUIRE_OK(Policy::parse(text_of(naive)));
    for (int j = 0; j < kQuestionsEach; ++j) {
      const RandomQuestion asked(dice);
      const std::string wanted =
          naive.decide(asked.caller, asked.operation, asked.key, asked.algorithm);
      ++outcomes[wanted.substr(0, wanted.find(' '))];
      if (asked.decide(*policy) != wanted) {
        FAIL(text_of(naive) << list_of(asked.caller) << " " << asked.operation << " " << asked.key
                            << " " << asked.algorithm << ": " << wanted);
      }
    }
  }
  CHECK(outcomes["allow"] > kPolicies * kQuestionsEach / 20);  // the questions are not trivial
  CHECK(outcomes["deny"] > kPolicies * kQuestionsEach / 20);
}

TEST_CASE("policy: explains as it decides", "[policy][property]") {
  Dice dice(2);
  for (int i = 0; i < kPolicies; ++i) {
    const auto policy = REQUIRE_OK(Policy::parse(text_of(random_policy(dice))));
    for (int j = 0; j < 50; ++j) {
      RandomQuestion(dice).put([&policy](const Facts& facts, const Question& question) {
        const Decision decision = policy->decide(facts, question);
        const Explanation explanation = policy->explain(facts, question);
        REQUIRE(explanation.allowed == decision.allowed);
        REQUIRE(explanation.rule == decision.rule);
        REQUIRE((!decision.allowed || policy->may_anything(facts, question.operation)));
        return 0;
      });
    }
  }
}

TEST_CASE("policy: the order of rules changes nothing", "[policy][property]") {
  Dice dice(3);
  for (int i = 0; i < kPolicies; ++i) {
    NaivePolicy naive = random_policy(dice);
    const auto policy = REQUIRE_OK(Policy::parse(text_of(naive)));
    dice.shuffle(naive.rules);
    const auto shuffled = REQUIRE_OK(Policy::parse(text_of(naive)));
    for (int j = 0; j < 100; ++j) {
      const RandomQuestion asked(dice);
      REQUIRE(asked.decide(*policy) == asked.decide(*shuffled));
    }
  }
}

TEST_CASE("policy: one deny more never allows more", "[policy][property]") {
  Dice dice(4);
  for (int i = 0; i < kPolicies; ++i) {
    NaivePolicy naive = random_policy(dice);
    const auto policy = REQUIRE_OK(Policy::parse(text_of(naive)));
    NaivePolicy::Rule deny = random_rule(dice, naive.rules.size());
    deny.is_deny = true;
    naive.rules.push_back(deny);
    const auto stricter = REQUIRE_OK(Policy::parse(text_of(naive)));
    for (int j = 0; j < 100; ++j) {
      const RandomQuestion asked(dice);
      if (asked.decide(*stricter).starts_with("allow")) {
        REQUIRE(asked.decide(*policy).starts_with("allow"));
      }
    }
  }
}

}  // namespace kw::policy
