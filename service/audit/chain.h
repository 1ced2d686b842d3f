// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "service/audit/tree_hasher.h"

namespace kw::audit {

// Ticket names a record that was appended: its index and its leaf hash (RFC 6962, section 2.1).
struct Ticket {
  std::uint64_t index = 0;
  Sha256Digest leaf{};
};

// "INDEX:LEAFHASH", the hash in hexadecimal: the value of Keyward-Receipt.
std::string receipt_text(const Ticket& ticket);

// A frame is u32 length, u32 CRC32C of the payload, payload.
inline constexpr std::size_t kFrameHeader = 8;
// Every payload starts with the sequence and the previous leaf hash, as tagged fields.
inline constexpr std::size_t kPayloadPrefix = 3 + 8 + 3 + 32;
inline constexpr std::size_t kMaxPayload = 4096;

// Room for a frame's header and the chain's prefix, then the given fields: work to be done outside
// any lock. Chain::link fills the room.
Bytes make_unlinked_frame(ByteView fields);

// Chain gives records their place: index and hash of the record before. Not thread-safe.
class Chain {
 public:
  Chain() = default;

  // Goes on after `count` records, the last of which has this leaf hash.
  void resume(std::uint64_t count, const Sha256Digest& last_leaf);

  // Completes a frame as the next record.
  Ticket link(Bytes& frame);

  std::uint64_t next_index() const noexcept { return next_index_; }
  const Sha256Digest& last_leaf() const noexcept { return last_leaf_; }

 private:
  TreeHasher hasher_;
  std::uint64_t next_index_ = 0;
  Sha256Digest last_leaf_{};
};

}  // namespace kw::audit
