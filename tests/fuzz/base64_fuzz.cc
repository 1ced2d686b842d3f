// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

// Both base64s have one spelling: what was decoded encodes to the same text, and the other way
// round.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kw::ByteView bytes(data, size);
  const std::string_view text = kw::as_text(bytes);
  if (const auto decoded = kw::decode_base64(text)) KW_ASSERT(kw::to_base64(*decoded) == text);
  if (const auto decoded = kw::decode_base64url(text))
    KW_ASSERT(kw::to_base64url(*decoded) == text);
  const kw::Bytes same = kw::to_bytes(bytes);
  KW_ASSERT(kw::decode_base64(kw::to_base64(bytes)).value() == same);
  KW_ASSERT(kw::decode_base64url(kw::to_base64url(bytes)).value() == same);
  KW_ASSERT(kw::decode_hex(kw::to_hex(bytes)).value() == same);
  return 0;
}
