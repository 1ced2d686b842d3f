// SPDX-License-Identifier: Apache-2.0
#include "service/http/body_buffer.h"

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace kw::http {
namespace {

constexpr std::size_t kFirstSize = 16 << 10;

}  // namespace

BodyBuffer::BodyBuffer(std::size_t length)
    : length_(length), bytes_(std::min(length, kFirstSize)) {}

std::span<std::uint8_t> BodyBuffer::room() {
  if (filled_ == bytes_.size() && filled_ < length_) {
    Secret larger(std::min(length_, 4 * bytes_.size()));
    const auto held = bytes_.reveal();
    std::copy(held.begin(), held.end(), larger.reveal_for_writing().begin());
    bytes_ = std::move(larger);
  }
  return bytes_.reveal_for_writing().subspan(filled_);
}

Secret BodyBuffer::take() noexcept {
  KW_ASSERT(is_complete());
  length_ = filled_ = 0;
  return std::exchange(bytes_, Secret());
}

}  // namespace kw::http
