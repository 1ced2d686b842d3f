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

// TileFiles keeps tiles as files, "tile/0/x001/x234/067" for the tile 1234067 of level 0, and
// "tile/0/x001/x234/068.p/17" for one with 17 hashes. They are derived from the log: full ones are
// not synced as they are written, and are made again where they are missing.
class TileFiles {
 public:
  explicit TileFiles(const std::filesystem::path& log_folder) : folder_(log_folder / "tile") {}

  // Whether there is a file of the right size for the full tile.
  bool has(const TileName& name) const;
  // Errors: NotFound, Unavailable, Internal (not 8,192 bytes).
  Result<Hashes> read(const TileName& name) const;
  // A reader sees the whole tile or none. Errors: Unavailable.
  Result<void> write(const TileName& name, const Hashes& hashes) const;
  // Makes a full tile durable. Errors: Unavailable.
  Result<void> sync(const TileName& name) const;

  // The widest partial tile of at most `most` hashes; empty where there is none.
  Hashes read_partial(const TileName& name, std::size_t most) const;
  // Durable when it returns. Errors: Unavailable.
  Result<void> write_partial(const TileName& name, const Hashes& hashes) const;
  // Removes the partial tiles of a name, but for the one of this width. Errors: Unavailable.
  Result<void> remove_partials(const TileName& name, std::size_t but_width) const;

  // Errors: Unavailable.
  Result<void> remove_all() const;

 private:
  std::filesystem::path path_of(const TileName& name) const;
  std::filesystem::path folder_of_partials(const TileName& name) const;
  Result<bool> make_folder(const std::filesystem::path& folder) const;
  Result<void> sync_up(std::filesystem::path folder) const;

  std::filesystem::path folder_;
};

}  // namespace kw::audit
