// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::audit {

// A tile is 256 neighbouring hashes of the tree, so 8 of its levels (C2SP tlog-tiles). Level 0
// holds leaves; a hash at level L+1 is the root of a full tile at level L.
constexpr std::size_t kTileWidth = 256;
constexpr std::uint8_t kTileLevels = 8;

using Hashes = std::vector<Sha256Digest>;

struct TileName {
  std::uint8_t level = 0;
  std::uint64_t index = 0;

  auto operator<=>(const TileName&) const = default;
};

// Yields a tile's hashes: 256, or fewer where it is the last of its level.
using TileSource = std::function<Result<Hashes>(const TileName&)>;

// TileFiles keeps full tiles as files, "tile/0/x001/x234/067" for the tile 1234067 of level 0. They
// are derived from the log: never synced, made again where they are missing.
class TileFiles {
 public:
  explicit TileFiles(const std::filesystem::path& log_folder) : folder_(log_folder / "tile") {}

  bool has(const TileName& name) const;
  // Errors: NotFound, Unavailable, Internal (not 8,192 bytes).
  Result<Hashes> read(const TileName& name) const;
  // A reader sees the whole tile or none. Errors: Unavailable.
  Result<void> write(const TileName& name, const Hashes& hashes) const;
  // Errors: Unavailable.
  Result<void> remove_all() const;

 private:
  std::filesystem::path path_of(const TileName& name) const;

  std::filesystem::path folder_;
};

}  // namespace kw::audit
