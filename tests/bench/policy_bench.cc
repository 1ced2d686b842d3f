// SPDX-License-Identifier: Apache-2.0
// What one decision costs at 10,000 callers and 100,000 rules, against a scan of all rules.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "policy/pattern.h"
#include "policy/policy.h"

namespace {

using kw::policy::Facts;
using kw::policy::Operation;
using kw::policy::OperationSet;
using kw::policy::Pattern;
using kw::policy::Policy;
using kw::policy::Question;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kCallers = 10'000;
constexpr std::size_t kRulesPerCaller = 9;  // and one for each group's member: 100,000 in all
constexpr std::size_t kGroupSize = 100;
constexpr std::size_t kRulesPerGroup = 100;
constexpr std::size_t kDecisions = 1'000'000;
constexpr std::size_t kScans = 300;

std::string spiffe_of(std::size_t caller) {
  return "spiffe://prod.example/ns/team-" + std::to_string(caller / kGroupSize) + "/sa/app-" +
         std::to_string(caller);
}

std::string key_of(std::size_t caller, std::size_t number) {
  return "prod/app-" + std::to_string(caller) + "/key-" + std::to_string(number);
}

std::string rule_text(const std::string& id, bool is_deny, const std::string& to,
                      const std::string& key) {
  return "- {id: " + id + (is_deny ? ", deny: [unwrap]" : ", allow: [wrap, unwrap]") + ", to: [" +
         to + "], keys: ['" + key + "']}\n";
}

std::string policy_text() {
  std::string principals = "version: keyward-policy/1\nprincipals:\n";
  std::string rules = "rules:\n- {id: metrics, allow: [read-metrics], to: ['*']}\n";
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    const std::string name = "app-" + std::to_string(caller);
    principals += "  " + name + ": {spiffe: '" + spiffe_of(caller) + "'}\n";
    for (std::size_t i = 0; i < kRulesPerCaller; ++i) {
      const bool is_deep = i == 0;
      rules += rule_text(name + "." + std::to_string(i), i == 1, name,
                         is_deep ? "prod/" + name + "/**" : key_of(caller, i));
    }
  }
  for (std::size_t group = 0; group < kCallers / kGroupSize; ++group) {
    const std::string name = "team-" + std::to_string(group);
    principals += "  " + name + ": {any: [";
    for (std::size_t i = 0; i < kGroupSize; ++i) {
      principals += (i == 0 ? "app-" : ", app-") + std::to_string(group * kGroupSize + i);
    }
    principals += "]}\n";
    for (std::size_t i = 0; i < kRulesPerGroup; ++i) {
      rules += rule_text(name + "." + std::to_string(i), false, name,
                         "shared/" + name + "/key-" + std::to_string(i));
    }
  }
  return principals + rules;
}

struct Asked {
  std::string spki = "sha256:" + std::string(64, 'a');
  std::vector<std::string> spiffe;
  std::string subject;
  std::string key;

  Facts facts() const { return {spki, spiffe, {}, subject, "10.0.0.1"}; }
  Question question() const {
    Question question;
    question.operation = Operation::Unwrap;
    question.key = key;
    return question;
  }
};

std::vector<Asked> random_questions(std::size_t count) {
  std::mt19937 dice(7);
  std::vector<Asked> asked(count);
  for (Asked& one : asked) {
    const std::size_t caller = dice() % kCallers;
    one.spiffe = {spiffe_of(caller)};
    one.subject = "CN=app-" + std::to_string(caller);
    one.key = dice() % 4 == 0 ? "shared/team-" + std::to_string(caller / kGroupSize) + "/key-7"
                              : key_of(caller, dice() % 12);
  }
  return asked;
}

std::int64_t nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

std::int64_t at_share(std::vector<std::int64_t>& times, double share) {
  const auto at = static_cast<std::ptrdiff_t>(static_cast<double>(times.size() - 1) * share);
  std::nth_element(times.begin(), times.begin() + at, times.end());
  return times[static_cast<std::size_t>(at)];
}

// What a plain list of rules costs: the caller's name, the operation and the pattern, one by one.
struct NaiveRule {
  std::string to;
  OperationSet operations;
  Pattern key;
};

std::vector<NaiveRule> naive_rules() {
  std::vector<NaiveRule> rules;
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    for (std::size_t i = 0; i < kRulesPerCaller + 1; ++i) {
      rules.push_back({spiffe_of(caller),
                       {Operation::Wrap, Operation::Unwrap},
                       Pattern::parse_key(key_of(caller, i)).value()});
    }
  }
  return rules;
}

double naive_mean(const std::vector<Asked>& asked) {
  const std::vector<NaiveRule> rules = naive_rules();
  std::size_t matches = 0;
  const auto start = Clock::now();
  for (std::size_t i = 0; i < kScans; ++i) {
    const Asked& one = asked[i % asked.size()];
    matches += static_cast<std::size_t>(
        std::count_if(rules.begin(), rules.end(), [&one](const NaiveRule& rule) {
          return rule.to == one.spiffe.front() && rule.operations.contains(Operation::Unwrap) &&
                 rule.key.matches(one.key);
        }));
  }
  const double mean = static_cast<double>(nanoseconds_since(start)) / kScans;
  std::printf("linear scan        mean %8.0f ns   (%zu matches)\n", mean, matches);
  return mean;
}

// What a request costs whose connection asked before: who the caller is was found then.
void print_standing_mean(const Policy& policy, const std::vector<Asked>& asked) {
  std::vector<kw::policy::Standing> standings;
  for (const Asked& one : asked) standings.push_back(policy.standing_of(one.facts()));
  std::size_t allowed = 0;
  const auto start = Clock::now();
  for (std::size_t i = 0; i < kDecisions; ++i) {
    const std::size_t at = i % asked.size();
    const Asked& one = asked[at];
    allowed += policy.decide(standings[at], one.facts(), one.question()).allowed ? 1 : 0;
  }
  const double mean = static_cast<double>(nanoseconds_since(start)) / kDecisions;
  std::printf("of a known caller  mean %8.0f ns   (%zu of %zu allowed)\n", mean, allowed,
              kDecisions);
}

double indexed_mean(const Policy& policy, const std::vector<Asked>& asked) {
  std::size_t allowed = 0;
  const auto start = Clock::now();
  for (std::size_t i = 0; i < kDecisions; ++i) {
    const Asked& one = asked[i % asked.size()];
    allowed += policy.decide(one.facts(), one.question()).allowed ? 1 : 0;
  }
  const double mean = static_cast<double>(nanoseconds_since(start)) / kDecisions;
  std::printf("indexed            mean %8.0f ns   (%zu of %zu allowed)\n", mean, allowed,
              kDecisions);
  return mean;
}

void print_quantiles(const Policy& policy, const std::vector<Asked>& asked) {
  std::vector<std::int64_t> clock_times;
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < kDecisions; ++i) {
    const Asked& one = asked[i % asked.size()];
    const auto empty = Clock::now();
    clock_times.push_back(nanoseconds_since(empty));
    const auto start = Clock::now();
    (void)policy.decide(one.facts(), one.question());
    times.push_back(nanoseconds_since(start));
  }
  std::printf(
      "indexed            p50  %8lld ns   p99 %lld ns   (reading the clock: %lld ns of each)\n",
      static_cast<long long>(at_share(times, 0.5)), static_cast<long long>(at_share(times, 0.99)),
      static_cast<long long>(at_share(clock_times, 0.5)));
}

}  // namespace

int main() {
  const std::string text = policy_text();
  const auto start = Clock::now();
  const auto policy = Policy::parse(text);
  if (!policy) {
    std::fprintf(stderr, "%s\n", policy.error().detail().c_str());
    return 1;
  }
  std::printf("%zu callers, %zu rules, %.1f MB of text, compiled in %.2f s\n", kCallers,
              kCallers * (kRulesPerCaller + 1) + 1, static_cast<double>(text.size()) / 1e6,
              static_cast<double>(nanoseconds_since(start)) / 1e9);
  const std::vector<Asked> asked = random_questions(50'000);
  print_quantiles(**policy, asked);
  print_standing_mean(**policy, asked);
  const double indexed = indexed_mean(**policy, asked);
  std::printf("ratio to the linear scan: %.0f\n", naive_mean(asked) / indexed);
  return 0;
}
