// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "service/crypto/envelope.h"

// A blob has one spelling, as bytes and as text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kw::ByteView bytes(data, size);
  if (const auto blob = kw::crypto::decode_blob(bytes)) {
    KW_ASSERT(kw::crypto::encode(*blob) == kw::to_bytes(bytes));
    KW_ASSERT(kw::crypto::decode_blob_text(kw::to_base64url(bytes)).has_value());
    KW_ASSERT(!kw::crypto::associated_data(blob->header, {}).empty());
  }
  const std::string_view text = kw::as_text(bytes);
  if (const auto blob = kw::crypto::decode_blob_text(text)) {
    KW_ASSERT(kw::to_base64url(kw::crypto::encode(*blob)) == text);
  }
  return 0;
}
