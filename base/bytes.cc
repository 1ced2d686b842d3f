// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>

namespace kw {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using SextetTable = std::array<std::int16_t, 256>;

constexpr SextetTable sextets_of(std::string_view alphabet) {
  SextetTable table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int16_t>(i);
  }
  return table;
}

constexpr SextetTable kStandardSextets = sextets_of(kStandard);
constexpr SextetTable kUrlSextets = sextets_of(kUrl);

bool is_padded(Base64Alphabet alphabet) noexcept { return alphabet == Base64Alphabet::Standard; }

int hex_value(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// Strips the padding that a canonical text of this length must have.
Result<std::string_view> without_padding(std::string_view text, Base64Alphabet alphabet) {
  if (!is_padded(alphabet)) return text;
  if (text.size() % 4 != 0) {
    return refusal(Code::InvalidArgument, "base64: length is not a multiple of 4");
  }
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return text;
}

std::string encode(ByteView bytes, Base64Alphabet alphabet) {
  std::string text(base64_length(bytes.size(), alphabet), '\0');
  encode_base64_into(bytes, alphabet, text);
  return text;
}

Result<Bytes> decode(std::string_view text, Base64Alphabet alphabet) {
  Bytes bytes(base64_capacity(text.size()));
  bytes.resize(TRY(decode_base64_into(text, alphabet, bytes)));
  return bytes;
}

// How long a well-formed sequence that starts with `lead` is; 0 if none can.
std::size_t utf8_sequence_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

// RFC 3629, section 4: the second byte's range depends on the first.
bool is_second_byte(unsigned char lead, unsigned char second) noexcept {
  const unsigned low = lead == 0xE0 ? 0xA0u : lead == 0xF0 ? 0x90u : 0x80u;
  const unsigned high = lead == 0xED ? 0x9Fu : lead == 0xF4 ? 0x8Fu : 0xBFu;
  return second >= low && second <= high;
}

}  // namespace

ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::string to_hex(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 0x0F]);
  }
  return text;
}

Result<Bytes> decode_hex(std::string_view text) {
  if (text.size() % 2 != 0) return refusal(Code::InvalidArgument, "hex: odd number of digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return refusal(Code::InvalidArgument, "hex: not a hexadecimal digit");
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::size_t base64_length(std::size_t size, Base64Alphabet alphabet) noexcept {
  if (is_padded(alphabet)) return (size + 2) / 3 * 4;
  return size / 3 * 4 + (size % 3 == 0 ? 0 : size % 3 + 1);
}

void encode_base64_into(ByteView bytes, Base64Alphabet alphabet, std::span<char> out) noexcept {
  const std::string_view digits = is_padded(alphabet) ? kStandard : kUrl;
  std::size_t written = 0;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (const std::uint8_t byte : bytes) {
    pending = pending << 8 | byte;
    for (pending_bits += 8; pending_bits >= 6;) {
      pending_bits -= 6;
      out[written++] = digits[pending >> pending_bits & 0x3F];
    }
  }
  if (pending_bits > 0) out[written++] = digits[pending << (6 - pending_bits) & 0x3F];
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(written), out.end(), '=');
}

std::size_t base64_capacity(std::size_t length) noexcept { return length / 4 * 3 + 3; }

Result<std::size_t> decode_base64_into(std::string_view text, Base64Alphabet alphabet,
                                       std::span<std::uint8_t> out) {
  const std::string_view digits = TRY(without_padding(text, alphabet));
  if (digits.size() % 4 == 1 ||
      (is_padded(alphabet) && text.size() - digits.size() != (4 - digits.size() % 4) % 4)) {
    return refusal(Code::InvalidArgument, "base64: impossible length");
  }
  const SextetTable& sextets = is_padded(alphabet) ? kStandardSextets : kUrlSextets;
  std::size_t written = 0;
  std::uint32_t pending = 0;
  int pending_bits = 0;
  for (const char digit : digits) {
    const int sextet = sextets[static_cast<unsigned char>(digit)];
    if (sextet < 0) return refusal(Code::InvalidArgument, "base64: character not in the alphabet");
    pending = pending << 6 | static_cast<std::uint32_t>(sextet);
    pending_bits += 6;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      out[written++] = static_cast<std::uint8_t>(pending >> pending_bits);
    }
  }
  if ((pending & ((1u << pending_bits) - 1)) != 0) {
    return refusal(Code::InvalidArgument, "base64: unused bits are not zero");
  }
  return written;
}

std::string to_base64(ByteView bytes) { return encode(bytes, Base64Alphabet::Standard); }
std::string to_base64url(ByteView bytes) { return encode(bytes, Base64Alphabet::Url); }
Result<Bytes> decode_base64(std::string_view text) {
  return decode(text, Base64Alphabet::Standard);
}
Result<Bytes> decode_base64url(std::string_view text) { return decode(text, Base64Alphabet::Url); }

bool ct_equal(ByteView a, ByteView b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_utf8(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_sequence_length(lead);
    if (length == 0 || length > text.size() - at) return false;
    for (std::size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if (i == 1 ? !is_second_byte(lead, next) : (next & 0xC0u) != 0x80u) return false;
    }
    at += length;
  }
  return true;
}

void append_u16(Bytes& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void append_u32(Bytes& out, std::uint32_t value) {
  append_u16(out, static_cast<std::uint16_t>(value >> 16));
  append_u16(out, static_cast<std::uint16_t>(value));
}

void append_u64(Bytes& out, std::uint64_t value) {
  append_u32(out, static_cast<std::uint32_t>(value >> 32));
  append_u32(out, static_cast<std::uint32_t>(value));
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::uint16_t read_u16(ByteView bytes) noexcept {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

std::uint32_t read_u32(ByteView bytes) noexcept {
  return static_cast<std::uint32_t>(read_u16(bytes)) << 16 | read_u16(bytes.subspan(2));
}

std::uint64_t read_u64(ByteView bytes) noexcept {
  return static_cast<std::uint64_t>(read_u32(bytes)) << 32 | read_u32(bytes.subspan(4));
}

Sha256Digest sha256(ByteView bytes) {
  Sha256Digest digest;
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

void fill_random(std::span<std::uint8_t> out) {
  KW_ASSERT(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

}  // namespace kw
