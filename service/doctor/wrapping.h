// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "service/doctor/raw.h"

namespace kw::doctor {

// What PKCS#11 3.0 adds and p11-kit 0.24's header lacks.
inline constexpr CK_MECHANISM_TYPE kAesKeyWrapKwp = 0x210b;

// WrappingWay is a mechanism that may wrap one AES key with another.
struct WrappingWay {
  const char* name;
  CK_MECHANISM_TYPE type;
  bool checks;  // whether unwrapping finds tampering
};

std::span<const WrappingWay> wrapping_ways() noexcept;
RawMechanism mechanism_of(const WrappingWay& way);

// The key in a blob, opened with OpenSSL by who knows the wrapping key; nothing if it is none of
// `size` bytes.
std::optional<Bytes> open_outside(const WrappingWay& way, ByteView kek, ByteView blob,
                                  std::size_t size);

// A blob that a token with this wrapping key should take.
Bytes wrap_outside(const WrappingWay& way, ByteView kek, ByteView key);

}  // namespace kw::doctor
