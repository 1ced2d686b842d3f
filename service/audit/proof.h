// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "service/audit/tile.h"
#include "service/audit/tree_hasher.h"

namespace kw::audit {

// ProofMaker computes roots and proofs of RFC 6962, section 2.1, from tiles. Each tile is asked for
// once in its life. Errors are those of the source. Not thread-safe.
class ProofMaker {
 public:
  explicit ProofMaker(TileSource source) : source_(std::move(source)) {}

  // The root of the first `size` leaves.
  Result<Sha256Digest> root(std::uint64_t size);
  // The audit path of leaf `index` < `size`, from its sibling up (section 2.1.1).
  Result<Hashes> inclusion(std::uint64_t index, std::uint64_t size);
  // That the first `from` <= `size` leaves are a prefix (section 2.1.2). Of nothing, and of the
  // whole: no hash.
  Result<Hashes> consistency(std::uint64_t from, std::uint64_t size);

 private:
  // The root of the leaves [begin, end), a subtree of some tree: `begin` is a multiple of the
  // largest power of two that is less than twice its width.
  Result<Sha256Digest> range(std::uint64_t begin, std::uint64_t end);
  // The root of the 2^height leaves from `index` << height on.
  Result<Sha256Digest> perfect(std::uint8_t height, std::uint64_t index);
  Result<const Hashes*> tile(const TileName& name);

  TileSource source_;
  TreeHasher hasher_;
  std::map<TileName, Hashes> tiles_;
};

// The root of a full tile.
Sha256Digest root_of(const Hashes& tile, TreeHasher& hasher);

}  // namespace kw::audit
