// SPDX-License-Identifier: Apache-2.0
#include "service/api/act.h"

namespace kw::api {

core::Work Act::next() const noexcept {
  if (!gather_) return work_;
  return answers_.size() < parts_.size() ? parts_[answers_.size()].next() : core::Work::Host;
}

core::Steps Act::steps() const noexcept {
  if (!gather_) return core::one_step(work_);
  core::Steps steps = core::one_step(core::Work::Host);
  for (std::size_t i = answers_.size(); i < parts_.size(); ++i) {
    ++steps[core::index_of(parts_[i].next())];
  }
  return steps;
}

std::optional<core::Sealed<Answer>> Act::step(core::KeyService& door, const core::Call& call) {
  if (!gather_) return step_(door, call);
  if (answers_.size() == parts_.size()) return gather_(std::move(answers_), call);
  Act& part = parts_[answers_.size()];
  answers_.push_back(part(door, call));
  part.step_ = {};  // and with it the secrets that it held
  return std::nullopt;
}

core::Sealed<Answer> Act::operator()(core::KeyService& door, const core::Call& call) {
  std::optional<core::Sealed<Answer>> answer = step(door, call);
  while (!answer) answer = step(door, call);
  return *std::move(answer);
}

}  // namespace kw::api
