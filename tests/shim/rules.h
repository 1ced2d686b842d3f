// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kw::shim {

// Rule is one line of tests/shim/shim.h's rule language, and how far it has counted.
struct Rule {
  enum class Action { Fail, Delay, Hang };

  Action action;
  std::string function;
  unsigned long nth = 1;
  bool repeats = false;  // at every nth call, not at the nth alone
  unsigned long rv = 0;
  std::chrono::milliseconds delay{0};
  unsigned long seen = 0;

  // Counts one call of the rule's function and says whether the rule applies to it.
  bool applies() noexcept;
};

// Nothing where the text is no rule.
std::optional<Rule> parse_rule(std::string_view line);

// All rules of a text, or the number of the first line that is none.
struct ParsedRules {
  std::vector<Rule> rules;
  int bad_line = 0;
};
ParsedRules parse_rules(std::string_view text);

}  // namespace kw::shim
