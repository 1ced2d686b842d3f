// SPDX-License-Identifier: Apache-2.0
#include "service/core/gathering.h"

#include <algorithm>

namespace kw::core {
namespace {

constexpr auto kShownFor = std::chrono::seconds(2);

}  // namespace

Gathering::Gathering(std::size_t witnesses, std::size_t quorum)
    : quorum_(quorum), lines_(witnesses), failing_(witnesses) {}

bool Gathering::all_have_answered() const {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].empty() && !failing_[i]) return false;
  }
  return true;
}

Checkpointer::Signed Gathering::target(const Checkpointer::Signed& newest) {
  const MutexLock lock(mutex_);
  const bool same = target_ && target_->head == newest.head;
  if (!same && (!target_ || all_have_answered() || has_passed(shown_until_))) {
    target_ = newest;
    shown_until_ = deadline_in(kShownFor);
    std::fill(lines_.begin(), lines_.end(), std::string());
  }
  return *target_;
}

bool Gathering::settle(std::size_t witness, const audit::TreeHead& head,
                       std::optional<std::string> line) {
  const MutexLock lock(mutex_);
  failing_[witness] = !line;
  if (!line || !target_ || target_->head != head) return false;
  lines_[witness] = *std::move(line);
  const auto missing = std::count(lines_.begin(), lines_.end(), std::string());
  if (lines_.size() - static_cast<std::size_t>(missing) < quorum_) return false;
  cosigned_ = target_;
  for (const std::string& each : lines_) cosigned_->note += each;
  return true;
}

std::optional<Checkpointer::Signed> Gathering::cosigned() const {
  const MutexLock lock(mutex_);
  return cosigned_;
}

}  // namespace kw::core
