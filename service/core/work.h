// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kw::core {

// Work is what a step of a request asks of the token, as far as it matters for how many may run at
// once: AES, HMAC and random; a signature of a key pair; a new key; nothing.
enum class Work : std::uint8_t { Symmetric, Asymmetric, Generate, Host };
inline constexpr std::size_t kWorkCount = 4;

inline constexpr std::size_t index_of(Work work) noexcept { return static_cast<std::size_t>(work); }

// Steps counts the steps of a job by their kind.
using Steps = std::array<std::size_t, kWorkCount>;

inline constexpr Steps one_step(Work work) noexcept {
  Steps steps{};
  steps[index_of(work)] = 1;
  return steps;
}

// Concurrency is how many calls of each kind the token likes at once, each at least 1.
struct Concurrency {
  std::size_t symmetric = 1;
  std::size_t asymmetric = 1;
  std::size_t generate = 1;
};

// What is known of SoftHSM: its locks make symmetric work slower on two threads than on one, RSA
// and elliptic curves scale with the cores, and two keys made at once are a hazard.
Concurrency default_concurrency() noexcept;

}  // namespace kw::core
