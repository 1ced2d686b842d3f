// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace kw {

Secret::Secret(std::size_t size)
    : data_(size == 0 ? nullptr : new std::uint8_t[size]()), size_(size), capacity_(size) {}

Secret Secret::copy_of(ByteView bytes) {
  Secret secret(bytes.size());
  std::copy(bytes.begin(), bytes.end(), secret.data_);
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::shrink(std::size_t size) noexcept {
  KW_ASSERT(size <= size_);
  kw::wipe(std::span(data_, size_).subspan(size));
  size_ = size;
}

void Secret::wipe() noexcept {
  if (data_ == nullptr) return;
  OPENSSL_cleanse(data_, capacity_);
  delete[] data_;
}

void wipe(std::span<std::uint8_t> bytes) noexcept { OPENSSL_cleanse(bytes.data(), bytes.size()); }
void wipe(std::span<char> text) noexcept { OPENSSL_cleanse(text.data(), text.size()); }

}  // namespace kw
