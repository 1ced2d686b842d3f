// SPDX-License-Identifier: Apache-2.0
#include "policy/condition.h"

#include <algorithm>
#include <array>

namespace kw::policy {
namespace {

constexpr std::string_view kNothing = "nothing";

Truth truth(bool holds) noexcept { return holds ? Truth::True : Truth::False; }

bool is_among(const std::vector<std::string>& words, std::string_view word) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Truth word_among(const std::vector<std::string>& words, std::string_view word) noexcept {
  return word.empty() ? Truth::Unknown : truth(is_among(words, word));
}

Truth matches(const Glob& glob, const std::string* value) noexcept {
  return value == nullptr ? Truth::Unknown : truth(glob.matches(*value));
}

std::string or_nothing(std::string_view text) {
  return std::string(text.empty() ? kNothing : text);
}

std::string or_nothing(const std::string* text) {
  return text == nullptr ? std::string(kNothing) : "'" + *text + "'";
}

const std::string* context_value(const Question& question, std::string_view key) noexcept {
  return question.context == nullptr ? nullptr : question.context->find(key);
}

const std::string* tag_value(const Question& question, const std::string& key) {
  if (question.tags == nullptr) return nullptr;
  const auto at = question.tags->find(key);
  return at == question.tags->end() ? nullptr : &at->second;
}

std::string two_digits(std::int64_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string clock_text(WallTime time) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const auto minute = std::chrono::floor<std::chrono::minutes>(time - midnight).count();
  return std::string(kDays[std::chrono::weekday(midnight).c_encoding()]) + " " +
         two_digits(minute / 60) + ":" + two_digits(minute % 60) + " UTC";
}

// Tester answers whether each kind of claim holds.
struct Tester {
  const Facts& facts;
  const Question& question;

  Truth operator()(const Condition::ContextValue& claim) const noexcept {
    return matches(claim.value, context_value(question, claim.key));
  }
  Truth operator()(const Condition::OnlyContext& claim) const noexcept {
    if (question.context == nullptr) return Truth::Unknown;
    const auto& pairs = question.context->pairs();
    return truth(std::all_of(pairs.begin(), pairs.end(), [&claim](const Context::Pair& pair) {
      return is_among(claim.keys, pair.first);
    }));
  }
  Truth operator()(const Condition::Source& claim) const noexcept {
    const auto address = Address::parse(facts.source);
    if (!address) return Truth::Unknown;
    return truth(
        std::any_of(claim.networks.begin(), claim.networks.end(),
                    [&address](const Network& network) { return network.contains(*address); }));
  }
  Truth operator()(const Condition::Algorithm& claim) const noexcept {
    return word_among(claim.names, question.algorithm);
  }
  Truth operator()(const Condition::State& claim) const noexcept {
    return word_among(claim.names, question.state);
  }
  Truth operator()(const Condition::TagValue& claim) const noexcept {
    return matches(claim.value, tag_value(question, claim.key));
  }
  Truth operator()(const Condition::MaxBytes& claim) const noexcept {
    return question.bytes ? truth(*question.bytes <= claim.limit) : Truth::Unknown;
  }
  Truth operator()(const Condition::Time& claim) const noexcept {
    if (!question.now) return Truth::Unknown;
    return truth(claim.window.contains(*question.now));
  }
};

// Finder says in words what a claim was compared with.
struct Finder {
  const Facts& facts;
  const Question& question;

  std::string operator()(const Condition::ContextValue& claim) const {
    return or_nothing(context_value(question, claim.key));
  }
  std::string operator()(const Condition::OnlyContext& claim) const {
    if (question.context == nullptr) return std::string(kNothing);
    std::string others;
    for (const auto& [key, value] : question.context->pairs()) {
      if (!is_among(claim.keys, key)) others += (others.empty() ? "also " : ", ") + key;
    }
    return others;
  }
  std::string operator()(const Condition::Source&) const { return or_nothing(facts.source); }
  std::string operator()(const Condition::Algorithm&) const {
    return or_nothing(question.algorithm);
  }
  std::string operator()(const Condition::State&) const { return or_nothing(question.state); }
  std::string operator()(const Condition::TagValue& claim) const {
    return or_nothing(tag_value(question, claim.key));
  }
  std::string operator()(const Condition::MaxBytes&) const {
    return question.bytes ? std::to_string(*question.bytes) : std::string(kNothing);
  }
  std::string operator()(const Condition::Time&) const {
    return question.now ? clock_text(*question.now) : std::string(kNothing);
  }
};

}  // namespace

Truth Condition::test(const Facts& facts, const Question& question) const noexcept {
  return std::visit(Tester{facts, question}, claim_);
}

std::string Condition::found(const Facts& facts, const Question& question) const {
  return std::visit(Finder{facts, question}, claim_);
}

Truth all_hold(const std::vector<Condition>& conditions, const Facts& facts,
               const Question& question) noexcept {
  Truth all = Truth::True;
  for (const Condition& condition : conditions) {
    const Truth one = condition.test(facts, question);
    if (one == Truth::False) return Truth::False;
    all = std::min(all, one);
  }
  return all;
}

}  // namespace kw::policy
