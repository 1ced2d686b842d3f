// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace kw::pkcs11 {

// Pace lets at most so many token calls of a kind run at once as the token likes. It is a pace, not
// a lock: who waited for `patience` goes on anyway, and the oldest permit is written off, so that a
// hung call holds nothing but its own thread. Safe for concurrent use; must outlive its permits.
class Pace {
 public:
  enum class Kind : std::uint8_t { Symmetric, Asymmetric, Generate };

  struct Limits {
    std::size_t symmetric = 1;
    std::size_t asymmetric = 1;
    std::size_t generate = 1;
  };

  class Permit;

  // Making a key takes long: who waits for that is two hundred times as patient.
  explicit Pace(Limits limits, Clock::duration patience = std::chrono::milliseconds(50));

  // Waits for a permit, at most the patience of its kind.
  Permit enter(Kind kind);

  // How many permits were written off so far.
  std::uint64_t written_off(Kind kind) const;

 private:
  struct Lane {
    std::size_t limit = 1;
    Clock::duration patience{};
    std::vector<std::uint64_t> out;  // the numbers of the permits that are out, oldest first
    std::uint64_t next = 0;
    std::uint64_t written_off = 0;
  };

  static constexpr std::size_t kKinds = 3;

  void leave(Kind kind, std::uint64_t number) noexcept;

  mutable Mutex mutex_;
  std::array<Lane, kKinds> lanes_ KW_GUARDED_BY(mutex_);
  std::array<ConditionVariable, kKinds> returned_;  // one for each lane
};

// Permit is the right to make one call, until the end of its scope.
class [[nodiscard]] Pace::Permit {
 public:
  Permit(Permit&& other) noexcept
      : pace_(std::exchange(other.pace_, nullptr)), kind_(other.kind_), number_(other.number_) {}
  Permit& operator=(Permit&&) = delete;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;
  ~Permit() {
    if (pace_ != nullptr) {
      pace_->leave(kind_, number_);
    }
  }

 private:
  friend class Pace;
  Permit(Pace& pace, Kind kind, std::uint64_t number) noexcept
      : pace_(&pace), kind_(kind), number_(number) {}

  Pace* pace_;  // null once moved from
  Kind kind_;
  std::uint64_t number_;
};

}  // namespace kw::pkcs11
