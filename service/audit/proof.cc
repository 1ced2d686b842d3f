// SPDX-License-Identifier: Apache-2.0
#include "service/audit/proof.h"

#include <algorithm>
#include <bit>

namespace kw::audit {
namespace {

// The largest power of two smaller than `size`, where a tree of `size` > 1 leaves splits.
std::uint64_t split_of(std::uint64_t size) { return std::bit_floor(size - 1); }

// Hashes neighbours together until one is left; there are 2^n of them.
Sha256Digest fold(Hashes row, TreeHasher& hasher) {
  while (row.size() > 1) {
    for (std::size_t i = 0; i < row.size() / 2; ++i) {
      row[i] = hasher.node(row[2 * i], row[2 * i + 1]);
    }
    row.resize(row.size() / 2);
  }
  return row.front();
}

}  // namespace

Sha256Digest root_of(const Hashes& tile, TreeHasher& hasher) { return fold(tile, hasher); }

Result<const Hashes*> ProofMaker::tile(const TileName& name) {
  const auto known = tiles_.find(name);
  if (known != tiles_.end()) return &known->second;
  Hashes hashes = TRY(source_(name));
  return &tiles_.emplace(name, std::move(hashes)).first->second;
}

Result<Sha256Digest> ProofMaker::perfect(std::uint8_t height, std::uint64_t index) {
  const std::uint8_t level = height / kTileLevels;
  const std::uint64_t width = std::uint64_t{1} << (height % kTileLevels);
  const std::uint64_t first = index * width;  // among the hashes of that level
  const Hashes* const hashes = TRY(tile({level, first / kTileWidth}));
  const std::size_t at = first % kTileWidth;
  if (at + width > hashes->size()) return Error(Code::Internal, "a tile is too short");
  const auto begin = hashes->begin() + static_cast<std::ptrdiff_t>(at);
  return fold(Hashes(begin, begin + static_cast<std::ptrdiff_t>(width)), hasher_);
}

Result<Sha256Digest> ProofMaker::range(std::uint64_t begin, std::uint64_t end) {
  Hashes parts;  // perfect subtrees, each smaller than the one before
  while (begin < end) {
    const std::uint64_t width = std::bit_floor(end - begin);
    const auto height = static_cast<std::uint8_t>(std::countr_zero(width));
    parts.push_back(TRY(perfect(height, begin >> height)));
    begin += width;
  }
  Sha256Digest root = parts.back();
  for (auto part = parts.rbegin() + 1; part != parts.rend(); ++part) {
    root = hasher_.node(*part, root);
  }
  return root;
}

Result<Sha256Digest> ProofMaker::root(std::uint64_t size) {
  if (size == 0) return sha256({});
  return range(0, size);
}

Result<Hashes> ProofMaker::inclusion(std::uint64_t index, std::uint64_t size) {
  KW_ASSERT(index < size);
  Hashes path;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + split_of(end - begin);
    if (index < middle) {
      path.push_back(TRY(range(middle, end)));
      end = middle;
    } else {
      path.push_back(TRY(range(begin, middle)));
      begin = middle;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Result<Hashes> ProofMaker::consistency(std::uint64_t from, std::uint64_t size) {
  KW_ASSERT(from <= size);
  Hashes path;
  if (from == 0) return path;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (from != end) {
    const std::uint64_t middle = begin + split_of(end - begin);
    if (from <= middle) {
      path.push_back(TRY(range(middle, end)));
      end = middle;
    } else {
      path.push_back(TRY(range(begin, middle)));
      begin = middle;
    }
  }
  // A subtree that begins with the first leaf is the older tree itself, whose root is known.
  if (begin != 0) path.push_back(TRY(range(begin, end)));
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace kw::audit
