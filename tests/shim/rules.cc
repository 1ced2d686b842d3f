// SPDX-License-Identifier: Apache-2.0
#include "tests/shim/rules.h"

#include <charconv>
#include <sstream>

#include "pkcs11/return_value.h"

namespace kw::shim {
namespace {

std::optional<unsigned long> parse_number(std::string_view text) {
  unsigned long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// "3", "*" or "*/3".
bool parse_when(std::string_view text, Rule& rule) {
  if (text == "*") {
    rule.repeats = true;
    return true;
  }
  if (text.starts_with("*/")) {
    rule.repeats = true;
    text.remove_prefix(2);
  }
  const auto number = parse_number(text);
  rule.nth = number.value_or(0);
  return rule.nth > 0;
}

bool parse_argument(std::string_view verb, std::string_view argument, Rule& rule) {
  if (verb == "hang") {
    rule.action = Rule::Action::Hang;
    return argument.empty();
  }
  if (verb == "fail") {
    const auto known = pkcs11::find_return_value(argument);
    rule.action = Rule::Action::Fail;
    rule.rv = known ? known->value : parse_number(argument).value_or(0);
    return rule.rv != 0;
  }
  if (verb != "delay" || !argument.ends_with("ms")) {
    return false;
  }
  argument.remove_suffix(2);
  const auto number = parse_number(argument);
  rule.action = Rule::Action::Delay;
  rule.delay = std::chrono::milliseconds(number.value_or(0));
  return number.has_value();
}

}  // namespace

bool Rule::applies() noexcept {
  ++seen;
  return repeats ? seen % nth == 0 : seen == nth;
}

std::optional<Rule> parse_rule(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string verb;
  std::string when;
  std::string argument;
  std::string surplus;
  Rule rule{};
  words >> verb >> rule.function >> when >> argument >> surplus;
  if (!rule.function.starts_with("C_") || !surplus.empty() || !parse_when(when, rule) ||
      !parse_argument(verb, argument, rule)) {
    return std::nullopt;
  }
  return rule;
}

ParsedRules parse_rules(std::string_view text) {
  ParsedRules parsed;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find_first_of("\n;");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) {
      continue;
    }
    auto rule = parse_rule(line);
    if (!rule) {
      return {{}, number};
    }
    parsed.rules.push_back(*std::move(rule));
  }
  return parsed;
}

}  // namespace kw::shim
