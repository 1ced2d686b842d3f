// SPDX-License-Identifier: Apache-2.0
#include "policy/document.h"

#include <algorithm>

#include "base/names.h"
#include "policy/fields.h"

namespace kw::policy {
namespace {

// One text, or a list of them.
Result<std::vector<std::string>> read_one_or_more(const yaml::Node& node) {
  if (node.as_sequence() != nullptr) return read_texts(node);
  std::vector<std::string> texts;
  texts.push_back(TRY(read_text(node)));
  return texts;
}

Result<void> read_text_into(const yaml::Node& node, std::string_view key, std::string& out) {
  const yaml::Node* const value = node.find(key);
  if (value != nullptr) out = TRY(read_text(*value));
  return {};
}

Result<void> read_text_into(const yaml::Node& node, std::string_view key,
                            std::optional<std::string>& out) {
  const yaml::Node* const value = node.find(key);
  if (value != nullptr) out = TRY(read_text(*value));
  return {};
}

Result<void> read_caller(const yaml::Node& node, Test& test) {
  TRY(check_fields(node, {"spiffe", "dns", "spki", "subject"}));
  TRY(read_map(node));
  if (const yaml::Node* const spiffe = node.find("spiffe")) {
    test.spiffe = TRY(read_one_or_more(*spiffe));
  }
  if (const yaml::Node* const dns = node.find("dns")) test.dns = TRY(read_one_or_more(*dns));
  TRY(read_text_into(node, "subject", test.subject));
  TRY(read_text_into(node, "spki", test.spki));
  if (!test.spki.empty() && !is_spki(test.spki)) {
    return yaml::fault(node.find("spki")->mark, "must be 'sha256:' and 64 lower-case hex digits");
  }
  return {};
}

Result<std::vector<Context::Pair>> read_pairs(const yaml::Node& node) {
  const yaml::Node::Mapping* const entries = node.as_mapping();
  if (entries == nullptr) return yaml::fault(node.mark, "must be a mapping");
  std::vector<Context::Pair> pairs;
  for (const yaml::Node::Entry& entry : *entries) {
    pairs.emplace_back(entry.key, TRY(read_any_text(entry.value)));
  }
  return pairs;
}

Result<void> read_target(const yaml::Node& node, Test& test) {
  const yaml::Node* const word = TRY(require_field(node, "do"));
  const auto operation = parse_operation(TRY(read_text(*word)));
  if (!operation) return yaml::fault(word->mark, "no such operation");
  test.operation = *operation;
  TRY(read_text_into(node, "key", test.key));
  if (test.key.empty() == names_a_key(test.operation)) {
    return yaml::fault(node.mark, names_a_key(test.operation) ? "'key' is missing"
                                                              : "this operation names no key");
  }
  if (!test.key.empty() && !KeyName::is_valid(test.key)) {
    return yaml::fault(node.find("key")->mark, "no key can have this name");
  }
  return {};
}

Result<void> read_circumstances(const yaml::Node& node, Test& test) {
  TRY(read_text_into(node, "source", test.source));
  TRY(read_text_into(node, "algorithm", test.algorithm));
  TRY(read_text_into(node, "state", test.state));
  if (!test.source.empty() && !Address::parse(test.source)) {
    return yaml::fault(node.find("source")->mark, "no address");
  }
  if (const yaml::Node* const context = node.find("context")) {
    Result<Context> pairs = Context::from_pairs(TRY(read_pairs(*context)));
    if (!pairs) return at(context->mark, pairs.error());
    test.context = *std::move(pairs);
  }
  if (const yaml::Node* const tags = node.find("tags")) {
    for (auto& pair : TRY(read_pairs(*tags))) test.tags.insert(std::move(pair));
  }
  if (const yaml::Node* const bytes = node.find("bytes")) test.bytes = TRY(read_size(*bytes));
  if (const yaml::Node* const time = node.find("time")) {
    const Result<WallTime> moment = parse_time(TRY(read_text(*time)));
    if (!moment) return at(time->mark, moment.error());
    test.time = *moment;
  }
  return {};
}

Result<void> read_expectation(const yaml::Node& node, const std::vector<Rule>& rules, Test& test) {
  const yaml::Node* const expect = TRY(require_field(node, "expect"));
  const std::string word = TRY(read_text(*expect));
  if (word != "allow" && word != "deny") return yaml::fault(expect->mark, "must be allow or deny");
  test.expect_allow = word == "allow";
  TRY(read_text_into(node, "by", test.by));
  TRY(read_text_into(node, "why", test.why));
  const auto is_named = [&test](const Rule& rule) { return rule.id == *test.by; };
  if (test.by && std::none_of(rules.begin(), rules.end(), is_named)) {
    return yaml::fault(node.find("by")->mark, "no rule has this id");
  }
  if (test.why && (test.expect_allow || test.by)) {
    return yaml::fault(node.find("why")->mark, "'why' is for a denial that no rule decides");
  }
  return {};
}

Result<Test> read_test(const yaml::Node& node, const std::vector<Rule>& rules) {
  TRY(check_fields(node, {"as", "source", "do", "key", "context", "algorithm", "state", "tags",
                          "bytes", "time", "expect", "by", "why"}));
  Test test;
  test.mark = node.mark;
  const yaml::Node* const caller = TRY(require_field(node, "as"));
  TRY(read_caller(*caller, test));
  TRY(read_target(node, test));
  TRY(read_circumstances(node, test));
  TRY(read_expectation(node, rules, test));
  return test;
}

}  // namespace

Result<std::vector<Test>> read_tests(const yaml::Node& node, const std::vector<Rule>& rules) {
  if (node.as_sequence() == nullptr) return yaml::fault(node.mark, "must be a list of tests");
  std::vector<Test> tests;
  for (const yaml::Node& item : *node.as_sequence()) tests.push_back(TRY(read_test(item, rules)));
  return tests;
}

}  // namespace kw::policy
