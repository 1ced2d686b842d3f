// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "base/secret.h"

namespace kw::http {

// BodyBuffer collects a body of announced length. Its memory grows with what has arrived, so that
// announcing much costs the announcer the sending of it.
class BodyBuffer {
 public:
  explicit BodyBuffer(std::size_t length = 0);

  bool is_complete() const noexcept { return filled_ == length_; }

  // Where to read to; empty only if complete. `commit` says how much of it was filled.
  std::span<std::uint8_t> room();
  void commit(std::size_t size) noexcept { filled_ += size; }

  // The body, which is complete. Leaves an empty one.
  Secret take() noexcept;

 private:
  std::size_t length_;
  std::size_t filled_ = 0;
  Secret bytes_;
};

}  // namespace kw::http
