// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace kw {

// Secret owns bytes that nobody may see by accident: plaintext, key material, PINs. Move-only; its
// memory is wiped when it ends, shrinks or is assigned to. It cannot be printed, compared with ==
// or turned into JSON. `reveal` is the one word that opens it; the lint lists who may say it.
class [[nodiscard]] Secret {
 public:
  Secret() = default;
  explicit Secret(std::size_t size);  // zero bytes, to be filled
  static Secret copy_of(ByteView bytes);

  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  ByteView reveal() const noexcept { return {data_, size_}; }
  std::span<std::uint8_t> reveal_for_writing() noexcept { return {data_, size_}; }

  // Keeps the first `size` bytes and wipes the rest. `size` is at most size().
  void shrink(std::size_t size) noexcept;

 private:
  void wipe() noexcept;

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

// Overwrites memory that held a secret, where the compiler cannot leave it out.
void wipe(std::span<std::uint8_t> bytes) noexcept;
void wipe(std::span<char> text) noexcept;

}  // namespace kw
