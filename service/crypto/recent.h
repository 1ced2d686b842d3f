// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace kw::crypto {

// Recent keeps at most so many things by their ids; for a new one the longest unused goes. Not
// thread-safe.
template <typename Id, typename Thing>
class Recent {
 public:
  explicit Recent(std::size_t limit) : limit_(limit) {}

  // Null if it is not there. Counts as a use. Good until the next put or erase.
  Thing* find(const Id& id) {
    const auto at = places_.find(id);
    if (at == places_.end()) return nullptr;
    things_.splice(things_.end(), things_, at->second);
    return &at->second->second;
  }

  // In the place of the one with this id. Yields whether another one had to go.
  bool put(const Id& id, Thing thing) {
    erase(id);
    const bool full = !things_.empty() && things_.size() >= limit_;
    if (full) erase(things_.front().first);
    places_.emplace(id, things_.emplace(things_.end(), id, std::move(thing)));
    return full;
  }

  void erase(Id id) {
    const auto at = places_.find(id);
    if (at == places_.end()) return;
    things_.erase(at->second);
    places_.erase(at);
  }

  // Erases all whose id answers true.
  template <typename IsMeant>
  void erase_if(const IsMeant& is_meant) {
    std::erase_if(places_, [&](const auto& place) {
      if (!is_meant(place.first)) return false;
      things_.erase(place.second);
      return true;
    });
  }

  std::size_t size() const noexcept { return things_.size(); }

 private:
  using Things = std::list<std::pair<Id, Thing>>;  // the longest unused first

  std::size_t limit_;
  Things things_;
  std::map<Id, typename Things::iterator> places_;
};

}  // namespace kw::crypto
