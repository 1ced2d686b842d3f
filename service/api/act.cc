// SPDX-License-Identifier: Apache-2.0
#include "service/api/act.h"

namespace kw::api {
namespace {

// So many answers are written in one go: some microseconds' work.
constexpr std::size_t kGroup = 32;

}  // namespace

core::Work Act::next() const noexcept {
  if (!is_batch()) return work_;
  return done_ < parts_.size() ? parts_[done_].next() : core::Work::Host;
}

core::Steps Act::steps() const noexcept {
  if (!is_batch()) return core::one_step(work_);
  core::Steps steps = core::one_step(core::Work::Host);
  for (std::size_t i = done_; i < parts_.size(); ++i) {
    ++steps[core::index_of(parts_[i].next())];
  }
  return steps;
}

std::optional<core::Sealed<Answer>> Act::step(core::KeyService& door, const core::Call& call) {
  if (!is_batch()) return step_(door, call);
  if (done_ == parts_.size()) return all_(std::move(groups_), call);
  do_next_part(door, call);
  return std::nullopt;
}

void Act::do_next_part(core::KeyService& door, const core::Call& call) {
  answers_.push_back(parts_[done_++](door, call));
  if (answers_.size() < kGroup && done_ < parts_.size()) return;
  groups_.push_back(some_(std::exchange(answers_, {}), call));
}

core::Sealed<Answer> Act::operator()(core::KeyService& door, const core::Call& call) {
  std::optional<core::Sealed<Answer>> answer = step(door, call);
  while (!answer) answer = step(door, call);
  return *std::move(answer);
}

}  // namespace kw::api
