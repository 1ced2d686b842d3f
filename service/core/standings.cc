// SPDX-License-Identifier: Apache-2.0
#include "service/core/standings.h"

namespace kw::core {

policy::Facts facts_of(const identity::Caller& caller) {
  return {.spki = caller.spki(),
          .spiffe = caller.spiffe_ids(),
          .dns = caller.dns_names(),
          .subject = caller.subject(),
          .source = {}};
}

const policy::Standing& Standings::of(const std::shared_ptr<const identity::Caller>& caller,
                                      const std::shared_ptr<const policy::Policy>& policy) {
  if (policy_ != policy) known_.clear();
  policy_ = policy;
  const auto found = known_.find(caller.get());
  if (found != known_.end()) return found->second.standing;
  if (known_.size() >= kMost) known_.clear();
  policy::Standing standing = policy->standing_of(facts_of(*caller));
  const auto [fresh, is_new] = known_.try_emplace(caller.get(), Known{caller, std::move(standing)});
  return fresh->second.standing;
}

}  // namespace kw::core
