// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/core/count_options.h"
#include "service/core/turn.h"
#include "service/crypto/counted_nonce.h"
#include "service/store/catalog.h"

namespace kw::core {

// MessageCounts numbers the messages of suite 2. Numbers are set aside in blocks, durably, before
// the first of a block is used, each block with a fixed field of its own; so a number that was lost
// is skipped, and one that comes again comes under another field. Safe for concurrent use.
class MessageCounts final : public crypto::CountedNonces {
 public:
  using VersionId = std::pair<KeyId, Version>;

  // `catalog` must outlive it.
  MessageCounts(store::Catalog& catalog, CountOptions options);

  // Whether so many numbers are set aside that whoever asks now has enough, however often it has to
  // begin again.
  bool is_ready(const KeyId& key, Version version) const;

  // Sets numbers aside, to be used with this field, unless another thread did meanwhile. Errors:
  // FailedPrecondition, advised (all are used up: the key must be rotated), Unavailable (the
  // catalog, or others take long; nothing was set aside), Internal (the catalog's number is none).
  Result<void> set_aside(const KeyId& key, Version version, const crypto::FixedField& field,
                         Deadline deadline);

  Result<crypto::CountedNonce> draw(const KeyId& key, Version version) override;

  // The versions that have used so many numbers that they should be replaced, and are due now. Who
  // could not replace one asks again a minute later.
  std::vector<VersionId> due(Clock::time_point now);
  // The version is replaced: nothing is sealed with it any more.
  void settle(const VersionId& version);

  struct Reading {
    double most_used = 0;  // of the version with most, the share of its numbers that is set aside
    std::size_t due = 0;   // versions that should be replaced and are not
  };
  // Of what this process has sealed with.
  Reading read() const;

 private:
  struct Block {
    crypto::FixedField field{};
    std::uint32_t next = 1;
    std::uint32_t end = 1;  // the first number that is not of it
  };

  bool has_rest(const VersionId& version) const;
  Result<std::uint32_t> first_free(const VersionId& version) const;

  // Constant.
  store::Catalog& catalog_;
  const CountOptions options_;

  // Self-synchronised: held by whoever sets aside, over the write to the disk.
  Turns setting_aside_;

  mutable Mutex mutex_;
  std::map<VersionId, Block> blocks_ KW_GUARDED_BY(mutex_);
  std::map<VersionId, Clock::time_point> due_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::core
