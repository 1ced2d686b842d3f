// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/yaml.h"
#include "policy/address.h"
#include "policy/glob.h"
#include "policy/question.h"
#include "policy/time_window.h"

namespace kw::policy {

// Truth is three-valued: a condition on a missing fact is Unknown.
enum class Truth : std::uint8_t { False, Unknown, True };

// Condition is one claim of a rule's `when` or `unless`. Immutable.
class Condition {
 public:
  struct ContextValue {
    std::string key;
    Glob value;
  };
  struct OnlyContext {
    std::vector<std::string> keys;
  };
  struct Source {
    std::vector<Network> networks;
  };
  struct Algorithm {
    std::vector<std::string> names;
  };
  struct State {
    std::vector<std::string> names;
  };
  struct TagValue {
    std::string key;
    Glob value;
  };
  struct MaxBytes {
    std::uint64_t limit;
  };
  struct Time {
    TimeWindow window;
  };
  using Claim =
      std::variant<ContextValue, OnlyContext, Source, Algorithm, State, TagValue, MaxBytes, Time>;

  Condition(std::string name, std::string wanted, Claim claim)
      : name_(std::move(name)), wanted_(std::move(wanted)), claim_(std::move(claim)) {}

  Truth test(const Facts& facts, const Question& question) const noexcept;

  const std::string& name() const noexcept { return name_; }      // "context.tenant", "source" …
  const std::string& wanted() const noexcept { return wanted_; }  // as in the text
  std::string found(const Facts& facts, const Question& question) const;

 private:
  std::string name_;
  std::string wanted_;
  Claim claim_;
};

// Whether all hold: False if one is False, else Unknown if one is Unknown.
Truth all_hold(const std::vector<Condition>& conditions, const Facts& facts,
               const Question& question) noexcept;

// Reads the value of `when` or `unless`. Errors: InvalidArgument with line and column.
Result<std::vector<Condition>> read_conditions(const yaml::Node& node);

}  // namespace kw::policy
