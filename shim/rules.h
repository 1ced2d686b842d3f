// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/functions.h"

namespace kw::shim {

enum class Action {
  Fail,
  Delay,
  Hang,
  Exit,
  Kill,
  LoseSessions,
  LoseToken,
  Flip,
  Length,
  LockPin,
  Mask
};

// Whether the real module sees the call before the rule acts, or never.
enum class Moment { Before, After };

// How a rule changes the length that a call gives back.
enum class Resize { Add, Subtract, Set };

// Rule is one rule of docs/shim.md's language, and how far it has counted.
struct Rule {
  Action action = Action::Fail;
  Function function = kC_Initialize;  // not for LockPin and Mask
  unsigned long nth = 1;
  bool repeats = false;  // at every nth call, not at the nth alone
  Moment moment = Moment::Before;
  unsigned long rv = 0;                               // Fail
  std::optional<std::chrono::milliseconds> duration;  // Delay, LoseToken
  int status = 1;                                     // Exit
  long position = 0;                                  // Flip: below 0 from the end
  Resize resize = Resize::Set;                        // Length
  unsigned long number = 0;                           // Length, LockPin's tries, Mask's mechanism
  std::string file;                                   // LockPin: where the count outlives a process
  unsigned long seen = 0;

  // Whether it acts on what a successful call gives back, and so counts only calls that give some.
  bool acts_on_output() const noexcept {
    return action == Action::Flip || action == Action::Length;
  }

  // Counts one call of the rule's function and says whether the rule applies to it.
  bool applies() noexcept;
};

// The rules of a text, or the number of the first line that holds none and what is wrong with it.
struct ParsedRules {
  std::vector<Rule> rules;
  int bad_line = 0;
  std::string problem;
};
ParsedRules parse_rules(std::string_view text);

}  // namespace kw::shim
