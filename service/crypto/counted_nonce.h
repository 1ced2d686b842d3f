// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/names.h"
#include "base/result.h"

namespace kw::crypto {

// A nonce of suite 2: a fixed field, then the message's number, big-endian (NIST SP 800-38D,
// section 8.2.1). The field is drawn at random for each block of numbers that is set aside, so that
// a catalog that came back from a copy, and counts what was counted before, repeats no nonce.
using FixedField = std::array<std::uint8_t, 8>;
using MessageNumber = std::uint32_t;

// Messages of one version are numbered from 1 to this. 0 belongs to the check value.
constexpr MessageNumber kMostMessages = 1u << 31;

// CountedNonce is the right to seal one message. Move-only; only CountedNonces makes one.
class CountedNonce {
 public:
  static constexpr std::size_t kSize = 12;
  using Block = std::array<std::uint8_t, kSize>;

  CountedNonce(CountedNonce&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  CountedNonce& operator=(CountedNonce&&) = delete;
  CountedNonce(const CountedNonce&) = delete;
  CountedNonce& operator=(const CountedNonce&) = delete;
  ~CountedNonce() = default;

  const Block& bytes() const noexcept { return bytes_; }

 private:
  friend class CountedNonces;
  CountedNonce(const FixedField& field, MessageNumber number) noexcept;

  Block bytes_{};
};

// CountedNonces says which nonce is next, and no nonce twice: to no thread, and in no other process
// at this catalog. Safe for concurrent use.
class CountedNonces {
 public:
  CountedNonces() = default;
  virtual ~CountedNonces() = default;
  CountedNonces(const CountedNonces&) = delete;
  CountedNonces& operator=(const CountedNonces&) = delete;

  // Used up by this, whatever becomes of the message. Never waits for disk or token. Errors:
  // FailedPrecondition, advised (all numbers of this version are used up), ResourceExhausted (too
  // many at once: none are set aside).
  virtual Result<CountedNonce> draw(const KeyId& key, Version version) = 0;

 protected:
  // `number` is one of 1 to kMostMessages.
  static CountedNonce make(const FixedField& field, MessageNumber number) noexcept {
    return {field, number};
  }
};

}  // namespace kw::crypto
