// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "service/api/answer.h"
#include "service/core/work.h"

namespace kw::api {

// Act is a request that was read and checked: doing it with executors' KeyServices passes the door.
// A batch is an act of many parts, each of which is read and done in a step of its own, so that
// others can go in between; their answers are put together in groups, for the same reason.
class Act {
 public:
  using Step = Task<core::Sealed<Answer>(core::KeyService&, const core::Call&)>;
  using Gather = Task<core::Sealed<Answer>(std::vector<core::Sealed<Answer>>, const core::Call&)>;

  template <typename F>
    requires std::is_invocable_v<F&, core::KeyService&, const core::Call&>
  Act(F step) : step_(std::move(step)) {}

  // Does the parts in order, each whole. `some` makes one answer of a group of theirs; the last
  // step, `all`, makes one of the groups'.
  Act(std::vector<Act> parts, Gather some, Gather all)
      : parts_(std::move(parts)), some_(std::move(some)), all_(std::move(all)) {}

  // What an act of a single step asks of the token; Host if nobody says.
  void asks_for(core::Work work) noexcept { work_ = work; }

  // Keeps what it borrows from, to its end.
  void keep(std::shared_ptr<const void> lender) noexcept { lender_ = std::move(lender); }

  // What the next step asks of the token, and what all that are to come do.
  core::Work next() const noexcept;
  core::Steps steps() const noexcept;

  // Does the next step. The last one yields the answer, once.
  std::optional<core::Sealed<Answer>> step(core::KeyService& door, const core::Call& call);

  // Does all steps.
  core::Sealed<Answer> operator()(core::KeyService& door, const core::Call& call);

 private:
  bool is_batch() const noexcept { return static_cast<bool>(all_); }
  void do_next_part(core::KeyService& door, const core::Call& call);

  std::shared_ptr<const void> lender_;
  core::Work work_ = core::Work::Host;
  Step step_;
  // Of a batch.
  std::vector<Act> parts_;
  std::size_t done_ = 0;
  Gather some_;
  Gather all_;
  std::vector<core::Sealed<Answer>> answers_;  // of the parts that are done, but those in groups
  std::vector<core::Sealed<Answer>> groups_;
};

}  // namespace kw::api
