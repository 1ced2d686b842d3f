// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "service/audit/proof.h"
#include "service/audit/tile.h"

namespace kw::audit {

// TreeHead is a tree's size in leaves and its root hash.
struct TreeHead {
  std::uint64_t size = 0;
  Sha256Digest root{};

  bool operator==(const TreeHead&) const = default;
};

// Tree is the RFC 6962 tree over the records that are durable. It only grows. Tiles go to files
// when save() is called; the last tile of each level, and what is not saved yet, is memory: about
// 32 bytes a record between two saves. Safe for concurrent use; no lock that others need is held
// over a file.
class Tree {
 public:
  explicit Tree(TileFiles files) : files_(std::move(files)) {}

  // Takes up what the files hold of the first `size` leaves and yields how many that are. The
  // others are the caller's to append. The tree must be empty. The files are believed: compare a
  // root. Errors: Unavailable, NotFound, Internal (a file is missing or bad).
  Result<std::uint64_t> load(std::uint64_t size);

  // Forgets everything, files too. Errors: Unavailable.
  Result<void> clear();

  void append(std::span<const Sha256Digest> leaves);

  // Writes what has no file yet: full tiles, and durably the leaves behind the last full one. From
  // then on the leaves of today can be had again without the log, if full tiles are synced by who
  // takes older segments away. Errors: Unavailable; what could not be written stays in memory.
  Result<void> save();

  std::uint64_t size() const;

  // Errors: InvalidArgument (larger than the tree; `from` or `index` not within `size`), and those
  // of a tile's file.
  Result<TreeHead> head(std::uint64_t size) const;
  Result<Sha256Digest> leaf(std::uint64_t index) const;
  Result<Hashes> inclusion(std::uint64_t index, std::uint64_t size) const;
  Result<Hashes> consistency(std::uint64_t from, std::uint64_t size) const;

 private:
  // So many full tiles, then one that is not full.
  struct Level {
    std::uint64_t full = 0;
    Hashes open;
  };

  Result<void> load_level(std::uint8_t level, std::uint64_t count) KW_REQUIRES(mutex_);
  std::uint64_t size_now() const KW_REQUIRES(mutex_);
  Result<void> save_open(const TileName& name, const Hashes& open) KW_REQUIRES(saving_);
  Result<Hashes> tile(const TileName& name) const;
  ProofMaker proof_maker() const;

  const TileFiles files_;

  // Held over a save; taken before mutex_.
  Mutex saving_;
  std::optional<TileName> partial_
      KW_GUARDED_BY(saving_);  // the leaves' tile that has a partial file

  mutable Mutex mutex_;
  TreeHasher hasher_ KW_GUARDED_BY(mutex_);
  std::vector<Level> levels_ KW_GUARDED_BY(mutex_);
  std::map<TileName, Hashes> unsaved_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::audit
