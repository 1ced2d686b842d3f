// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/secret.h"

namespace kw::cli {

enum class ChunkPlace { Inner, Last };

// ChunkCipher is AES-256-GCM over the numbered chunks of one stream (docs/seal-format.md): the
// nonce holds the chunk's number and whether it is the last, so chunks cannot be swapped, dropped
// or added. Not for concurrent use.
class ChunkCipher {
 public:
  static constexpr std::size_t kKeySize = 32;
  static constexpr std::size_t kPrefixSize = 7;
  static constexpr std::size_t kTagSize = 16;
  using Prefix = std::array<std::uint8_t, kPrefixSize>;

  // `header_hash` is the associated data of every chunk. Errors: InvalidArgument (not 32 bytes of
  // key), Internal (OpenSSL has no AES-GCM).
  static Result<ChunkCipher> make(const Secret& key, const Prefix& prefix,
                                  const Sha256Digest& header_hash);

  ChunkCipher(ChunkCipher&&) noexcept;
  ~ChunkCipher();

  // Writes plaintext.size() + kTagSize bytes. Errors: Internal.
  Result<void> seal(std::uint32_t number, ChunkPlace place, ByteView plaintext,
                    std::span<std::uint8_t> out);

  // Writes sealed.size() - kTagSize bytes; `sealed` holds a tag at least. On an error `out` holds
  // nothing of use. Errors: InvalidArgument (does not authenticate).
  Result<void> open(std::uint32_t number, ChunkPlace place, ByteView sealed,
                    std::span<std::uint8_t> out);

 private:
  struct State;
  explicit ChunkCipher(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace kw::cli
