// SPDX-License-Identifier: Apache-2.0
#include "policy/self_test.h"

#include <algorithm>

namespace kw::policy {
namespace {

Facts facts_of(const Test& test) {
  return {test.spki, test.spiffe, test.dns, test.subject, test.source};
}

Question question_of(const Test& test) {
  Question question;
  question.operation = test.operation;
  question.key = test.key;
  question.context = test.context ? &*test.context : nullptr;
  question.algorithm = test.algorithm;
  question.state = test.state;
  question.tags = &test.tags;
  question.bytes = test.bytes;
  question.now = test.time;
  return question;
}

std::string outcome(bool allowed, std::string_view rule) {
  std::string text = allowed ? "allow" : "deny";
  if (!rule.empty()) text += " by " + std::string(rule);
  return text;
}

std::string expectation(const Test& test) {
  std::string text = outcome(test.expect_allow, test.by ? *test.by : "");
  if (test.why) text += " because of " + *test.why;
  return text;
}

std::string finding(const Explanation& found) {
  std::string text = outcome(found.allowed, found.rule);
  for (const NearMiss& miss : found.near_misses) {
    text +=
        "; " + miss.rule + ": " + miss.condition + " wants " + miss.wanted + ", is " + miss.found;
  }
  return text;
}

// "context" means any of the context's keys, as "context.tenant" means one.
bool is_about(const NearMiss& miss, const std::string& why) {
  return miss.condition == why || miss.condition.starts_with(why + ".");
}

bool is_as_expected(const Test& test, const Explanation& found) {
  if (found.allowed != test.expect_allow) return false;
  if (test.by && found.rule != *test.by) return false;
  if (!test.why) return true;
  return std::any_of(found.near_misses.begin(), found.near_misses.end(),
                     [&test](const NearMiss& miss) { return is_about(miss, *test.why); });
}

}  // namespace

Result<void> run_self_tests(const Document& document, const Engine& engine) {
  for (const Test& test : document.tests) {
    const Explanation found = engine.explain(facts_of(test), question_of(test));
    if (is_as_expected(test, found)) continue;
    return refusal(Code::FailedPrecondition, "line " + std::to_string(test.mark.line) +
                                                 ", column " + std::to_string(test.mark.column) +
                                                 ": the test expects " + expectation(test) +
                                                 ", found " + finding(found));
  }
  return {};
}

}  // namespace kw::policy
