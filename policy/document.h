// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/yaml.h"
#include "policy/condition.h"
#include "policy/operation.h"
#include "policy/pattern.h"
#include "policy/question.h"

namespace kw::policy {

// A principal's number in its document. 0 is everybody.
using PrincipalId = std::uint32_t;
inline constexpr PrincipalId kEverybody = 0;

enum class MatcherKind { Everybody, Spiffe, Dns, Spki, Subject, AnyOf, AllOf };

// Principal is a named set of callers.
struct Principal {
  std::string name;
  MatcherKind kind = MatcherKind::Everybody;
  std::string value;               // Dns ("*.example.org" is any one label in front), Spki, Subject
  std::optional<Pattern> pattern;  // Spiffe
  std::vector<PrincipalId> members;  // AnyOf, AllOf
};

enum class Effect : std::uint8_t { Allow, Deny };

struct Rule {
  std::string id;
  Effect effect = Effect::Allow;
  OperationSet operations;
  std::vector<PrincipalId> to;  // ascending, each once
  std::vector<Pattern> keys;    // empty only if no operation names a key
  std::vector<Condition> when;
  std::vector<Condition> unless;  // only on a deny; empty: no exception
};

// Test is one line of the policy's own tests.
struct Test {
  yaml::Mark mark;

  std::string spki;
  std::vector<std::string> spiffe;
  std::vector<std::string> dns;
  std::string subject;
  std::string source;

  Operation operation = Operation::Read;
  std::string key;
  std::optional<Context> context;
  std::string algorithm;
  std::string state;
  std::map<std::string, std::string> tags;
  std::optional<std::uint64_t> bytes;
  std::optional<WallTime> time;

  bool expect_allow = false;
  std::optional<std::string> by;   // the id of the rule that must decide
  std::optional<std::string> why;  // the condition that must be a near miss
};

// Document is what a policy's text says, checked but not yet compiled. Rules stand in the order of
// their ids, so that nothing can depend on the order in the text.
struct Document {
  std::vector<Principal> principals;  // [0] is everybody, "*"
  std::vector<Rule> rules;
  std::vector<Test> tests;
};

// Errors: InvalidArgument with line and column.
Result<Document> read_document(std::string_view text);

// The three parts of it. Rules and tests refer to principals and rules by name.
Result<std::vector<Principal>> read_principals(const yaml::Node& node);
Result<std::vector<Rule>> read_rules(const yaml::Node& node,
                                     const std::vector<Principal>& principals);
Result<std::vector<Test>> read_tests(const yaml::Node& node, const std::vector<Rule>& rules);

// "sha256:" and 64 lower-case hexadecimal digits.
bool is_spki(std::string_view text) noexcept;

}  // namespace kw::policy
