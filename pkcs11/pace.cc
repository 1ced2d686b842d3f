// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/pace.h"

#include <algorithm>

namespace kw::pkcs11 {
namespace {

constexpr int kPatienceForKeys = 200;

std::size_t to_index(Pace::Kind kind) noexcept { return static_cast<std::size_t>(kind); }

}  // namespace

Pace::Pace(Limits limits, Clock::duration patience) {
  const std::array<std::size_t, kKinds> wanted{limits.symmetric, limits.asymmetric,
                                               limits.generate};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    lanes_[i].limit = std::max<std::size_t>(wanted[i], 1);
    lanes_[i].out.reserve(lanes_[i].limit);
    lanes_[i].patience = patience;
  }
  lanes_[to_index(Kind::Generate)].patience = patience * kPatienceForKeys;
}

Pace::Permit Pace::enter(Kind kind) {
  const MutexLock lock(mutex_);
  Lane& here = lanes_[to_index(kind)];
  if (here.out.size() >= here.limit) {
    const auto has_room = [&here] { return here.out.size() < here.limit; };
    if (!returned_[to_index(kind)].wait_until(mutex_, deadline_in(here.patience), has_room)) {
      here.out.erase(here.out.begin());
      ++here.written_off;
    }
  }
  here.out.push_back(here.next);
  return Permit(*this, kind, here.next++);
}

void Pace::leave(Kind kind, std::uint64_t number) noexcept {
  {
    const MutexLock lock(mutex_);
    std::vector<std::uint64_t>& out = lanes_[to_index(kind)].out;
    const auto mine = std::ranges::find(out, number);
    if (mine == out.end()) {
      return;  // written off: another call has taken its place
    }
    out.erase(mine);
  }
  returned_[to_index(kind)].notify_one();
}

std::uint64_t Pace::written_off(Kind kind) const {
  const MutexLock lock(mutex_);
  return lanes_[to_index(kind)].written_off;
}

}  // namespace kw::pkcs11
