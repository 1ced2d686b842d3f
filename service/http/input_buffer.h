// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/secret.h"

namespace kw::http {

// InputBuffer holds what was read and not yet consumed, at most `capacity` bytes. It may hold parts
// of a body, so what is consumed is wiped. It has no memory until it is first written to.
class InputBuffer {
 public:
  explicit InputBuffer(std::size_t capacity) noexcept : capacity_(capacity) {}

  std::string_view text() const noexcept;  // valid until the next call that is not const
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  bool full() const noexcept { return size() == capacity_; }

  // Where to read to; never empty unless full(). `commit` says how much of it was filled.
  std::span<std::uint8_t> room();
  void commit(std::size_t size) noexcept { end_ += size; }

  // Wipes and forgets the first `size` bytes.
  void consume(std::size_t size) noexcept;

  // Moves as many of the first bytes to `out` as fit; yields how many.
  std::size_t move_to(std::span<std::uint8_t> out) noexcept;

  // Gives the memory back if nothing is held.
  void release() noexcept;

 private:
  std::size_t capacity_;
  Secret bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kw::http
