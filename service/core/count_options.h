// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kw::core {

// CountOptions are those of suite 2's message numbers (docs/envelope-format.md).
struct CountOptions {
  // Numbers set aside by one write of the catalog; what is left of them is skipped at a restart. At
  // least a thousand.
  std::uint32_t block = 1u << 20;
  // A key is rotated by the upkeep once so many numbers of its newest version were set aside.
  std::uint32_t rotate_after = 1u << 30;
};

}  // namespace kw::core
