// SPDX-License-Identifier: Apache-2.0
#include "service/core/message_counts.h"

#include <algorithm>

namespace kw::core {
namespace {

using crypto::kMostMessages;

// More than all executors together can draw between one look at what is left and the next.
constexpr std::uint32_t kSpare = 256;
constexpr std::uint32_t kSmallestBlock = 1000;
constexpr auto kAgainAfter = std::chrono::seconds(60);

std::string count_setting(const MessageCounts::VersionId& version) {
  return "count-" + to_hex(version.first.bytes()) + "-" + std::to_string(to_number(version.second));
}

Error used_up() {
  return refusal(Code::FailedPrecondition,
                 "this version of the key has sealed all it may: rotate the key");
}

}  // namespace

MessageCounts::MessageCounts(store::Catalog& catalog, CountOptions options)
    : catalog_(catalog), options_(options) {
  KW_ASSERT(options.block >= kSmallestBlock && options.block <= kMostMessages);
}

bool MessageCounts::is_ready(const KeyId& key, Version version) const {
  const MutexLock lock(mutex_);
  const auto at = blocks_.find({key, version});
  return at != blocks_.end() && at->second.end - at->second.next >= kSpare;
}

bool MessageCounts::has_rest(const VersionId& version) const {
  const MutexLock lock(mutex_);
  const auto at = blocks_.find(version);
  return at != blocks_.end() && at->second.next < at->second.end;
}

// The numbers that the catalog knows nothing of are all free.
Result<std::uint32_t> MessageCounts::first_free(const VersionId& version) const {
  const Result<Bytes> setting = catalog_.setting(count_setting(version));
  if (!setting) return std::uint32_t{1};
  const std::uint32_t first = setting->size() == sizeof first ? read_u32(*setting) : 0;
  if (first >= 1 && first <= kMostMessages + 1) return first;
  return Error(Code::Internal, "catalog: a count of messages cannot be read");
}

Result<void> MessageCounts::set_aside(const KeyId& key, Version version,
                                      const crypto::FixedField& field, Deadline deadline) {
  const VersionId id{key, version};
  const Turn turn(setting_aside_, deadline);
  if (!turn)
    return Error(Code::Unavailable, "message numbers are being set aside, which takes long");
  if (is_ready(key, version)) return {};
  const std::uint32_t first = TRY(first_free(id));
  if (first > kMostMessages) return has_rest(id) ? Result<void>() : used_up();
  const std::uint32_t end = first + std::min(options_.block, kMostMessages + 1 - first);
  Bytes value;
  append_u32(value, end);
  TRY(catalog_.put_setting(count_setting(id), value));
  const MutexLock lock(mutex_);
  blocks_[id] = {field, first, end};
  if (end > options_.rotate_after) due_.try_emplace(id);
  return {};
}

Result<crypto::CountedNonce> MessageCounts::draw(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  const auto at = blocks_.find({key, version});
  if (at == blocks_.end() || at->second.next == at->second.end) {
    const bool is_over = at != blocks_.end() && at->second.end == kMostMessages + 1;
    if (is_over) return used_up();
    return refusal(Code::ResourceExhausted, "too many messages at once under one key");
  }
  return make(at->second.field, at->second.next++);
}

std::vector<MessageCounts::VersionId> MessageCounts::due(Clock::time_point now) {
  std::vector<VersionId> versions;
  const MutexLock lock(mutex_);
  for (auto& [version, when] : due_) {
    if (when > now) continue;
    versions.push_back(version);
    when = now + kAgainAfter;
  }
  return versions;
}

void MessageCounts::settle(const VersionId& version) {
  const MutexLock lock(mutex_);
  due_.erase(version);
  blocks_.erase(version);
}

MessageCounts::Reading MessageCounts::read() const {
  Reading now;
  const MutexLock lock(mutex_);
  now.due = due_.size();
  for (const auto& [version, block] : blocks_) {
    now.most_used = std::max(now.most_used, double{block.end - 1.0} / kMostMessages);
  }
  return now;
}

}  // namespace kw::core
