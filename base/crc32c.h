// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace kw {

// CRC-32C (Castagnoli; RFC 3720, section 12.1): finds accidents, not attackers.
std::uint32_t crc32c(ByteView bytes) noexcept;

}  // namespace kw
