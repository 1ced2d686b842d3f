// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace kw {

template <auto release>
struct ReleasedBy {
  template <typename T>
  void operator()(T* held) const noexcept {
    release(held);
  }
};

// Owned is what a C library hands out and one function of it takes back: Owned<BIGNUM, BN_free>.
template <typename T, auto release>
using Owned = std::unique_ptr<T, ReleasedBy<release>>;

}  // namespace kw
