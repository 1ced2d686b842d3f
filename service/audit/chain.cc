// SPDX-License-Identifier: Apache-2.0
#include "service/audit/chain.h"

#include <algorithm>

#include "base/crc32c.h"

namespace kw::audit {
namespace {

constexpr std::uint8_t kTagSequence = 0x01;
constexpr std::uint8_t kTagPreviousLeaf = 0x02;

void put(Bytes& frame, std::size_t offset, const Bytes& bytes) {
  std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

std::string receipt_text(const Ticket& ticket) {
  return std::to_string(ticket.index) + ":" + to_hex(ticket.leaf);
}

Bytes make_unlinked_frame(ByteView fields) {
  Bytes frame;
  frame.reserve(kFrameHeader + kPayloadPrefix + fields.size());
  frame.resize(kFrameHeader + kPayloadPrefix);
  append(frame, fields);
  KW_ASSERT(frame.size() <= kFrameHeader + kMaxPayload);
  return frame;
}

void Chain::resume(std::uint64_t count, const Sha256Digest& last_leaf) {
  next_index_ = count;
  last_leaf_ = last_leaf;
}

Ticket Chain::link(Bytes& frame) {
  Bytes prefix;
  prefix.reserve(kPayloadPrefix);
  prefix.push_back(kTagSequence);
  append_u16(prefix, sizeof next_index_);
  append_u64(prefix, next_index_);
  prefix.push_back(kTagPreviousLeaf);
  append_u16(prefix, static_cast<std::uint16_t>(last_leaf_.size()));
  append(prefix, last_leaf_);
  put(frame, kFrameHeader, prefix);

  const ByteView payload = ByteView(frame).subspan(kFrameHeader);
  Bytes header;
  append_u32(header, static_cast<std::uint32_t>(payload.size()));
  append_u32(header, crc32c(payload));
  put(frame, 0, header);

  last_leaf_ = hasher_.leaf(payload);
  return {next_index_++, last_leaf_};
}

}  // namespace kw::audit
