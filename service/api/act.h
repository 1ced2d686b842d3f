// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "service/api/answer.h"
#include "service/core/work.h"

namespace kw::api {

// Act is a request that was read and checked: doing it with executors' KeyServices passes the door.
// A batch is an act of many parts, each of which is a step of its own, so that others can go in
// between.
class Act {
 public:
  using Step = Task<core::Sealed<Answer>(core::KeyService&, const core::Call&)>;
  using Gather = Task<core::Sealed<Answer>(std::vector<core::Sealed<Answer>>, const core::Call&)>;

  template <typename F>
    requires std::is_invocable_v<F&, core::KeyService&, const core::Call&>
  Act(F step) : step_(std::move(step)) {}

  // Does the parts in order, each whole; the last step makes one answer of theirs.
  Act(std::vector<Act> parts, Gather gather)
      : parts_(std::move(parts)), gather_(std::move(gather)) {}

  // What an act of a single step asks of the token; Host if nobody says.
  void asks_for(core::Work work) noexcept { work_ = work; }

  // What the next step asks of the token, and what all that are to come do.
  core::Work next() const noexcept;
  core::Steps steps() const noexcept;

  // Does the next step. The last one yields the answer, once.
  std::optional<core::Sealed<Answer>> step(core::KeyService& door, const core::Call& call);

  // Does all steps.
  core::Sealed<Answer> operator()(core::KeyService& door, const core::Call& call);

 private:
  core::Work work_ = core::Work::Host;
  Step step_;
  // Of a batch; an act of a single step has no `gather_`.
  std::vector<Act> parts_;
  Gather gather_;
  std::vector<core::Sealed<Answer>> answers_;  // of the parts that are done
};

}  // namespace kw::api
