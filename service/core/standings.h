// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "policy/policy.h"
#include "service/identity/caller.h"

namespace kw::core {

// The facts of a caller, borrowed; without a source, which is a request's.
policy::Facts facts_of(const identity::Caller& caller);

// Standings remembers what the active policy says of the callers that came lately: a connection is
// one caller, and asks more than once. For one thread.
class Standings {
 public:
  // Good until the next call.
  const policy::Standing& of(const std::shared_ptr<const identity::Caller>& caller,
                             const std::shared_ptr<const policy::Policy>& policy);

 private:
  static constexpr std::size_t kMost = 4096;

  struct Known {
    std::shared_ptr<const identity::Caller> caller;  // so that nobody else gets its address
    policy::Standing standing;
  };

  std::shared_ptr<const policy::Policy> policy_;  // whose they are
  std::unordered_map<const identity::Caller*, Known> known_;
};

}  // namespace kw::core
