// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/envelope.h"

#include <algorithm>

namespace kw::crypto {
namespace {

constexpr std::array<std::uint8_t, 4> kMagicAndFormat = {'k', 'w', 'b', 0x01};
constexpr std::size_t kSuiteAt = 4;
constexpr std::size_t kFlagsAt = 5;
constexpr std::size_t kKeyIdAt = 6;
constexpr std::size_t kVersionAt = 22;
constexpr std::size_t kMaxTextSize = (kMaxBlobSize * 4 + 2) / 3;
constexpr std::string_view kLabel("keyward/blob/v1\0", 16);

Error malformed(const std::string& detail, int line = __builtin_LINE()) {
  return Error(Code::InvalidArgument, "blob: " + detail, 0, __builtin_FILE(), line);
}

Result<BlobHeader> decode_header(ByteView bytes) {
  if (!std::ranges::equal(bytes.first(kMagicAndFormat.size()), kMagicAndFormat)) {
    return malformed("not a blob of format 1");
  }
  const auto suite = static_cast<Suite>(bytes[kSuiteAt]);
  if (suite != Suite::Xaes256Gcm && suite != Suite::CountedAes256Gcm &&
      suite != Suite::HmacAes256Gcm) {
    return malformed("a suite that is not served");
  }
  if (bytes[kFlagsAt] != 0) return malformed("a flag is set");
  BlobHeader header;
  header.suite = suite;
  header.key = TRY(KeyId::decode(bytes.subspan(kKeyIdAt, KeyId::kSize)));
  header.version = Version{read_u32(bytes.subspan(kVersionAt))};
  if (header.version == Version{0}) return malformed("version 0");
  return header;
}

}  // namespace

std::size_t nonce_size(Suite suite) noexcept {
  return suite == Suite::CountedAes256Gcm ? kCountedNonceSize : kNonceSize;
}

Bytes encode(const BlobHeader& header) {
  Bytes out;
  out.reserve(kHeaderSize);
  append(out, kMagicAndFormat);
  out.push_back(static_cast<std::uint8_t>(header.suite));
  out.push_back(0);
  append(out, header.key.bytes());
  append_u32(out, to_number(header.version));
  return out;
}

Bytes encode(const Blob& blob) {
  Bytes out = encode(blob.header);
  out.reserve(kHeaderSize + kNonceSize + blob.sealed.size());
  append(out, ByteView(blob.nonce).first(nonce_size(blob.header.suite)));
  append(out, blob.sealed);
  return out;
}

Result<Blob> decode_blob(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return malformed("too short");
  Blob blob;
  blob.header = TRY(decode_header(bytes));
  const ByteView rest = bytes.subspan(kHeaderSize);
  const std::size_t nonce = nonce_size(blob.header.suite);
  if (rest.size() < nonce + kTagSize) return malformed("too short");
  if (rest.size() > nonce + kMaxPlaintextSize + kTagSize) return malformed("too long");
  std::ranges::copy(rest.first(nonce), blob.nonce.begin());
  blob.sealed = to_bytes(rest.subspan(nonce));
  return blob;
}

Result<Blob> decode_blob_text(std::string_view text) {
  if (text.size() > kMaxTextSize) return malformed("too long");
  const auto bytes = decode_base64url(text);
  if (!bytes) return malformed("not canonical base64url");
  return decode_blob(*bytes);
}

Bytes associated_data(const BlobHeader& header, const Context& context) {
  Bytes out = to_bytes(as_bytes(kLabel));
  append(out, encode(header));
  append(out, context.canonical());
  return out;
}

}  // namespace kw::crypto
