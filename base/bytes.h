// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw {

// Bytes are public bytes. What must be wiped is a Secret (base/secret.h).
using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

ByteView as_bytes(std::string_view text) noexcept;
std::string_view as_text(ByteView bytes) noexcept;
Bytes to_bytes(ByteView bytes);

// Lower-case hexadecimal, two characters a byte. decode_hex takes either case.
std::string to_hex(ByteView bytes);
Result<Bytes> decode_hex(std::string_view text);

// Base64 (RFC 4648, section 4): standard alphabet, padded, canonical; and base64url (section 5)
// without padding. Decoding takes exactly the one spelling that encoding writes: no white space, no
// missing or extra padding, no set trailing bits.
std::string to_base64(ByteView bytes);
Result<Bytes> decode_base64(std::string_view text);
std::string to_base64url(ByteView bytes);
Result<Bytes> decode_base64url(std::string_view text);

// Base64Alphabet chooses between the two for the functions that write into a caller's memory.
enum class Base64Alphabet { Standard, Url };

// The exact encoded length of `size` bytes.
std::size_t base64_length(std::size_t size, Base64Alphabet alphabet) noexcept;

// Encodes into `out`, which holds exactly base64_length(bytes.size()) characters.
void encode_base64_into(ByteView bytes, Base64Alphabet alphabet, std::span<char> out) noexcept;

// The most bytes that `length` encoded characters can hold.
std::size_t base64_capacity(std::size_t length) noexcept;

// Decodes into `out`, at least base64_capacity(text.size()) long; yields the bytes written.
Result<std::size_t> decode_base64_into(std::string_view text, Base64Alphabet alphabet,
                                       std::span<std::uint8_t> out);

// Whether two byte strings are equal, in time that depends on their lengths alone.
bool ct_equal(ByteView a, ByteView b) noexcept;

// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text) noexcept;

// Big-endian integers, appended and read. A read needs enough bytes at the front: callers check.
void append_u16(Bytes& out, std::uint16_t value);
void append_u32(Bytes& out, std::uint32_t value);
void append_u64(Bytes& out, std::uint64_t value);
void append(Bytes& out, ByteView bytes);
std::uint16_t read_u16(ByteView bytes) noexcept;
std::uint32_t read_u32(ByteView bytes) noexcept;
std::uint64_t read_u64(ByteView bytes) noexcept;

// SHA-256 (FIPS 180-4).
using Sha256Digest = std::array<std::uint8_t, 32>;
Sha256Digest sha256(ByteView bytes);

// The system's random generator. Failure ends the process: no caller can go on without it.
void fill_random(std::span<std::uint8_t> out);

}  // namespace kw
