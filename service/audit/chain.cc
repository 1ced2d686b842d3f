// SPDX-License-Identifier: Apache-2.0
#include "service/audit/chain.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/crc32c.h"

namespace kw::audit {
namespace {

constexpr std::uint8_t kTagSequence = 0x01;
constexpr std::uint8_t kTagPreviousLeaf = 0x02;
constexpr std::uint8_t kLeafPrefix = 0x00;  // RFC 6962, section 2.1

void put(Bytes& frame, std::size_t offset, const Bytes& bytes) {
  std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

std::string receipt_text(const Ticket& ticket) {
  return std::to_string(ticket.index) + ":" + to_hex(ticket.leaf);
}

LeafHasher::LeafHasher()
    : context_(EVP_MD_CTX_new()), algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
  KW_ASSERT(context_ != nullptr && algorithm_ != nullptr);
}

LeafHasher::~LeafHasher() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(algorithm_);
}

Sha256Digest LeafHasher::hash(ByteView payload) {
  Sha256Digest digest;
  KW_ASSERT(EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
            EVP_DigestUpdate(context_, &kLeafPrefix, 1) == 1 &&
            EVP_DigestUpdate(context_, payload.data(), payload.size()) == 1 &&
            EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1);
  return digest;
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

  last_leaf_ = hasher_.hash(payload);
  return {next_index_++, last_leaf_};
}

}  // namespace kw::audit
