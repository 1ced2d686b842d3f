// SPDX-License-Identifier: Apache-2.0
#include "service/http/input_buffer.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::http {

std::string_view InputBuffer::text() const noexcept {
  return as_text(bytes_.reveal().subspan(begin_, size()));
}

std::span<std::uint8_t> InputBuffer::room() {
  if (bytes_.empty()) bytes_ = Secret(capacity_);
  const auto bytes = bytes_.reveal_for_writing();
  if (begin_ > 0 && end_ == capacity_) {
    const auto held = bytes.subspan(begin_, size());
    std::copy(held.begin(), held.end(), bytes.begin());
    wipe(bytes.subspan(std::max(held.size(), begin_)));
    end_ -= std::exchange(begin_, 0);
  }
  return bytes.subspan(end_);
}

void InputBuffer::consume(std::size_t size) noexcept {
  KW_ASSERT(size <= this->size());
  wipe(bytes_.reveal_for_writing().subspan(begin_, size));
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

std::size_t InputBuffer::move_to(std::span<std::uint8_t> out) noexcept {
  const std::size_t moved = std::min(out.size(), size());
  const auto from = bytes_.reveal().subspan(begin_, moved);
  std::copy(from.begin(), from.end(), out.begin());
  consume(moved);
  return moved;
}

void InputBuffer::release() noexcept {
  if (empty()) bytes_ = Secret();
}

}  // namespace kw::http
