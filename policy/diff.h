// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw::policy {

// Change is one rule or principal that two policies do not have alike. Its lines are the claims of
// which it is made: "allow wrap", "to app", "keys app/*", "when context.tenant '?*'".
struct Change {
  enum class Kind : std::uint8_t { Added, Removed, Changed };

  Kind kind = Kind::Changed;
  std::string subject;               // "principal NAME" or "rule ID"
  std::vector<std::string> removed;  // claims that only `before` has
  std::vector<std::string> added;    // claims that only `after` has
};

// What differs from `before` to `after`, ordered by subject. Order in the text, comments, groups of
// operations and the policies' own tests are no difference; a condition's value is, however
// written. Errors: InvalidArgument with line and column: one of them is no policy.
Result<std::vector<Change>> diff(std::string_view before, std::string_view after);

}  // namespace kw::policy
