// SPDX-License-Identifier: Apache-2.0
#include "service/audit/tree.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace kw::audit {
namespace {

Error beyond(std::uint64_t size) {
  return Error(Code::InvalidArgument, "the tree has no " + std::to_string(size) + " leaves");
}

}  // namespace

Result<std::uint64_t> Tree::load(std::uint64_t size) {
  const MutexLock saving(saving_);
  const MutexLock lock(mutex_);
  KW_ASSERT(levels_.empty());
  std::uint64_t tiles = 0;
  while (tiles < size / kTileWidth && files_.has({0, tiles})) ++tiles;
  std::uint8_t level = 0;
  for (std::uint64_t count = tiles * kTileWidth; count > 0; count /= kTileWidth) {
    TRY(load_level(level++, count));
  }
  const std::uint64_t rest = size - tiles * kTileWidth;
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(rest, kTileWidth - 1));
  Hashes open = files_.read_partial({0, tiles}, most);
  if (open.empty()) return tiles * kTileWidth;
  if (levels_.empty()) levels_.emplace_back();
  partial_ = TileName{0, tiles};
  levels_[0].open = std::move(open);
  return tiles * kTileWidth + levels_[0].open.size();
}

// The open tile of a level above 0 is made of the roots of the level below.
Result<void> Tree::load_level(std::uint8_t level, std::uint64_t count) {
  Level loaded;
  loaded.full = count / kTileWidth;
  for (std::uint64_t i = loaded.full * kTileWidth; i < count; ++i) {
    const Hashes below = TRY(files_.read({static_cast<std::uint8_t>(level - 1), i}));
    loaded.open.push_back(root_of(below, hasher_));
  }
  levels_.push_back(std::move(loaded));
  return {};
}

Result<void> Tree::clear() {
  const MutexLock saving(saving_);
  TRY(files_.remove_all());
  partial_.reset();
  const MutexLock lock(mutex_);
  levels_.clear();
  unsaved_.clear();
  return {};
}

void Tree::append(std::span<const Sha256Digest> leaves) {
  const MutexLock lock(mutex_);
  for (const Sha256Digest& leaf : leaves) {
    Sha256Digest hash = leaf;
    for (std::uint8_t at = 0;; ++at) {
      if (at == levels_.size()) levels_.emplace_back();
      Level& level = levels_[at];
      level.open.push_back(hash);
      if (level.open.size() < kTileWidth) break;
      hash = root_of(level.open, hasher_);
      unsaved_.emplace(TileName{at, level.full++}, std::exchange(level.open, {}));
    }
  }
}

Result<void> Tree::save() {
  const MutexLock saving(saving_);
  std::vector<std::pair<TileName, Hashes>> fresh;
  Level leaves;
  {
    const MutexLock lock(mutex_);
    fresh.assign(unsaved_.begin(), unsaved_.end());
    if (!levels_.empty()) leaves = levels_[0];
  }
  // Upper tiles first: load() takes a tile of leaves as a sign that those above it are there.
  std::stable_sort(fresh.begin(), fresh.end(),
                   [](const auto& a, const auto& b) { return a.first.level > b.first.level; });
  for (const auto& [name, hashes] : fresh) {
    // There may be many, and nobody waits for them.
    std::this_thread::yield();
    TRY(files_.write(name, hashes));
    const MutexLock lock(mutex_);
    unsaved_.erase(name);
  }
  return save_open({0, leaves.full}, leaves.open);
}

// What a partial tile held is durable elsewhere before it goes.
Result<void> Tree::save_open(const TileName& name, const Hashes& open) {
  if (!open.empty()) TRY(files_.write_partial(name, open));
  if (partial_ && *partial_ != name) {
    TRY(files_.sync(*partial_));
    TRY(files_.remove_partials(*partial_, 0));
  }
  partial_.reset();
  if (open.empty()) return {};
  partial_ = name;
  return files_.remove_partials(name, open.size());
}

std::uint64_t Tree::size_now() const {
  return levels_.empty() ? 0 : levels_[0].full * kTileWidth + levels_[0].open.size();
}

std::uint64_t Tree::size() const {
  const MutexLock lock(mutex_);
  return size_now();
}

Result<Hashes> Tree::tile(const TileName& name) const {
  {
    const MutexLock lock(mutex_);
    if (name.level < levels_.size() && levels_[name.level].full == name.index) {
      return levels_[name.level].open;
    }
    const auto kept = unsaved_.find(name);
    if (kept != unsaved_.end()) return kept->second;
  }
  return files_.read(name);
}

ProofMaker Tree::proof_maker() const {
  return ProofMaker([this](const TileName& name) { return tile(name); });
}

Result<TreeHead> Tree::head(std::uint64_t size) const {
  if (size > this->size()) return beyond(size);
  const Sha256Digest root = TRY(proof_maker().root(size));
  return TreeHead{size, root};
}

Result<Sha256Digest> Tree::leaf(std::uint64_t index) const {
  if (index >= size()) return beyond(index);
  const Hashes hashes = TRY(tile({0, index / kTileWidth}));
  return hashes[index % kTileWidth];
}

Result<Hashes> Tree::inclusion(std::uint64_t index, std::uint64_t size) const {
  if (size > this->size()) return beyond(size);
  if (index >= size) return Error(Code::InvalidArgument, "no such leaf in a tree of this size");
  return proof_maker().inclusion(index, size);
}

Result<Hashes> Tree::consistency(std::uint64_t from, std::uint64_t size) const {
  if (size > this->size()) return beyond(size);
  if (from > size) return Error(Code::InvalidArgument, "a tree never shrinks");
  return proof_maker().consistency(from, size);
}

}  // namespace kw::audit
