// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/context.h"
#include "base/names.h"

namespace kw::crypto {

// The bytes of a blob, as docs/envelope-format.md draws them. Pure: no token, no key, no clock.

constexpr std::size_t kHeaderSize = 26;
constexpr std::size_t kNonceSize = 24;
constexpr std::size_t kCountedNonceSize = 12;  // of suite 2
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kMaxPlaintextSize = 65536;
constexpr std::size_t kMaxBlobSize = kHeaderSize + kNonceSize + kMaxPlaintextSize + kTagSize;

using Nonce = std::array<std::uint8_t, kNonceSize>;

// Suite is how a blob is sealed.
enum class Suite : std::uint8_t { Xaes256Gcm = 1, CountedAes256Gcm = 2, HmacAes256Gcm = 3 };

std::size_t nonce_size(Suite suite) noexcept;

struct BlobHeader {
  Suite suite = Suite::Xaes256Gcm;
  KeyId key;
  Version version{};

  bool operator==(const BlobHeader&) const = default;
};

struct Blob {
  BlobHeader header;
  Nonce nonce{};  // its first nonce_size(suite) bytes count
  Bytes sealed;   // ciphertext, then the tag
};

Bytes encode(const BlobHeader& header);
Bytes encode(const Blob& blob);

// Reads exactly what encode writes. Errors: InvalidArgument, not advised: what exactly was wrong is
// for the audit record, the caller gets one answer for every reason.
Result<Blob> decode_blob(ByteView bytes);

// The same for the text form, base64url without padding.
Result<Blob> decode_blob_text(std::string_view text);

// What the seal authenticates beside the plaintext: a label, the header, the context.
Bytes associated_data(const BlobHeader& header, const Context& context);

}  // namespace kw::crypto
