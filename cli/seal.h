// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.h"
#include "base/secret.h"

namespace kw::cli {

constexpr std::size_t kSealChunk = 64u << 10;

// DataKey is a fresh key for one file and the blob it can be had back from.
struct DataKey {
  Secret key;
  Bytes blob;
};

// Yields the data key of a blob.
using Unwrap = std::function<Result<Secret>(ByteView blob)>;

// Told the bytes done so far, after each chunk.
using Progress = std::function<void(std::uint64_t done)>;

// Seals what `in` holds, to its end, into `out` (docs/seal-format.md), in constant memory.
// Errors: InvalidArgument (key or blob of a wrong size, or more than 256 TiB), Unavailable (reading
// or writing).
Result<void> seal(int in, int out, const DataKey& key, const Progress& progress);

// Opens a sealed stream. Each chunk is written once it is authenticated, so after an error `out`
// may hold the beginning of the plaintext, never anything else: who cannot use a part throws it
// away. Errors: InvalidArgument (no sealed file, or changed, cut, reordered or extended),
// Unavailable (reading or writing), and those of `unwrap`.
Result<void> open_sealed(int in, int out, const Unwrap& unwrap, const Progress& progress);

}  // namespace kw::cli
