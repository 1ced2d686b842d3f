// SPDX-License-Identifier: Apache-2.0
#include "shim/rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "pkcs11/return_value.h"
#include "shim/names.h"

namespace kw::shim {
namespace {

using Words = std::vector<std::string_view>;

// Fault is what is wrong with a rule; empty where nothing is.
using Fault = std::string;

constexpr std::string_view kBlanks = " \t\r";

Words split(std::string_view text) {
  Words words;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kBlanks, end);
  }
  return words;
}

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

// "17" or "0x11".
std::optional<unsigned long> parse_number(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  unsigned long value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "3", "*" or "*/3".
Fault parse_when(std::string_view text, Rule& rule) {
  std::string_view number = text;
  rule.repeats = text.starts_with("*");
  if (text == "*") return {};
  if (text.starts_with("*/")) number.remove_prefix(2);
  rule.nth = parse_number(number).value_or(0);
  if (rule.nth > 0) return {};
  return quoted(text) + " says no call: the third is 3, every one *, every third */3";
}

Fault parse_code(std::string_view text, Rule& rule) {
  const auto known = pkcs11::find_return_value(text);
  rule.rv = known ? known->value : parse_number(text).value_or(0);
  if (rule.rv != 0) return {};
  return quoted(text) + " is no failure: say a CKR_ name, or a number such as 0x80000001";
}

Fault parse_duration(std::string_view text, Rule& rule) {
  std::string_view number = text;
  const bool has_unit = text.ends_with("ms");
  if (has_unit) number.remove_suffix(2);
  const auto value = parse_number(number);
  if (!has_unit || !value || *value > std::numeric_limits<unsigned int>::max()) {
    return quoted(text) + " is no duration such as 200ms";
  }
  rule.duration = std::chrono::milliseconds(*value);
  return {};
}

Fault parse_moment(std::string_view text, Rule& rule) {
  rule.moment = text == "after" ? Moment::After : Moment::Before;
  if (text == "after" || text == "before") return {};
  return quoted(text) + " is neither before nor after";
}

Fault parse_status(std::string_view text, Rule& rule) {
  const auto status = parse_number(text);
  if (!status || *status > 255) return quoted(text) + " is no exit status from 0 to 255";
  rule.status = static_cast<int>(*status);
  return {};
}

Fault parse_position(std::string_view text, Rule& rule) {
  std::string_view number = text;
  if (text.starts_with("-")) number.remove_prefix(1);
  const auto value = parse_number(number);
  if (!value || *value > std::numeric_limits<int>::max()) return quoted(text) + " is no position";
  rule.position = static_cast<long>(*value);
  if (text.starts_with("-")) rule.position = -rule.position;
  return {};
}

Fault parse_resize(std::string_view text, Rule& rule) {
  const auto value = parse_number(text.substr(std::min<std::size_t>(1, text.size())));
  const char sign = text.empty() ? ' ' : text.front();
  if (!value || std::string_view("+-=").find(sign) == std::string_view::npos) {
    return quoted(text) + " is no change of a length such as -1, +1 or =0";
  }
  rule.number = *value;
  rule.resize = sign == '+' ? Resize::Add : sign == '-' ? Resize::Subtract : Resize::Set;
  return {};
}

Fault parse_tries(std::string_view text, Rule& rule) {
  rule.number = parse_number(text).value_or(0);
  return rule.number > 0 ? Fault() : quoted(text) + " is no number of tries";
}

Fault parse_file(std::string_view text, Rule& rule) {
  rule.file = text;
  return {};
}

Fault parse_mechanism(std::string_view text, Rule& rule) {
  const auto known = find_mechanism_type(text);
  const auto number = known ? known : parse_number(text);
  rule.number = number.value_or(0);
  return number ? Fault() : quoted(text) + " is no mechanism: say a CKM_ name or a number";
}

using ParseArgument = Fault (*)(std::string_view, Rule&);

// A verb, and its arguments in order; those from `required` on may be left out.
struct Verb {
  std::string_view name;
  Action action;
  bool at_a_call;  // FUNCTION and WHEN come first
  std::size_t required;
  std::array<ParseArgument, 2> arguments;  // null where there is none
  std::string_view form;

  std::size_t most() const {
    return std::size_t{arguments[0] != nullptr} + (arguments[1] != nullptr);
  }
};

constexpr Verb kVerbs[] = {
    {"fail", Action::Fail, true, 1, {parse_code, parse_moment}, "FUNCTION WHEN CKR [after]"},
    {"delay", Action::Delay, true, 1, {parse_duration}, "FUNCTION WHEN NUMBERms"},
    {"hang", Action::Hang, true, 0, {}, "FUNCTION WHEN"},
    {"flip", Action::Flip, true, 0, {parse_position}, "FUNCTION WHEN [BYTE]"},
    {"length", Action::Length, true, 1, {parse_resize}, "FUNCTION WHEN +N|-N|=N"},
    {"exit",
     Action::Exit,
     true,
     1,
     {parse_moment, parse_status},
     "FUNCTION WHEN before|after [STATUS]"},
    {"kill", Action::Kill, true, 1, {parse_moment}, "FUNCTION WHEN before|after"},
    {"lose-sessions", Action::LoseSessions, true, 0, {}, "FUNCTION WHEN"},
    {"lose-token", Action::LoseToken, true, 0, {parse_duration}, "FUNCTION WHEN [NUMBERms]"},
    {"lock-pin", Action::LockPin, false, 1, {parse_tries, parse_file}, "TRIES [FILE]"},
    {"mask", Action::Mask, false, 1, {parse_mechanism}, "MECHANISM"},
};

Fault parse_call(const Words& words, Rule& rule) {
  const auto function = find_function(words[1]);
  if (!function) return quoted(words[1]) + " is no PKCS#11 function";
  rule.function = *function;
  if (rule.action == Action::Flip && !gives_bytes(*function)) {
    return std::string(words[1]) + " gives no bytes";
  }
  if (rule.action == Action::Length && !gives_length(*function)) {
    return std::string(words[1]) + " gives no length";
  }
  return parse_when(words[2], rule);
}

Fault parse_arguments(const Verb& verb, const Words& words, Rule& rule) {
  const std::size_t first = verb.at_a_call ? 3 : 1;
  if (words.size() < first + verb.required || words.size() > first + verb.most()) {
    return "the form is: " + std::string(verb.name) + " " + std::string(verb.form);
  }
  rule.action = verb.action;
  Fault fault = verb.at_a_call ? parse_call(words, rule) : Fault();
  for (std::size_t i = first; i < words.size() && fault.empty(); ++i) {
    fault = verb.arguments[i - first](words[i], rule);
  }
  return fault;
}

Fault parse_rule(const Words& words, Rule& rule) {
  for (const Verb& verb : kVerbs) {
    if (verb.name == words.front()) return parse_arguments(verb, words, rule);
  }
  return quoted(words.front()) + " is no rule";
}

// Adds the rules of one line, where ';' stands between them.
Fault parse_line(std::string_view line, std::vector<Rule>& rules) {
  line = line.substr(0, line.find('#'));
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(';'), line.size());
    const Words words = split(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    if (words.empty()) continue;
    Rule rule;
    Fault fault = parse_rule(words, rule);
    if (!fault.empty()) return fault;
    rules.push_back(std::move(rule));
  }
  return {};
}

}  // namespace

bool Rule::applies() noexcept {
  ++seen;
  return repeats ? seen % nth == 0 : seen == nth;
}

ParsedRules parse_rules(std::string_view text) {
  ParsedRules parsed;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    Fault fault = parse_line(text.substr(0, end), parsed.rules);
    if (!fault.empty()) return {{}, number, std::move(fault)};
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parsed;
}

}  // namespace kw::shim
