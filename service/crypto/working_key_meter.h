// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/meter.h"
#include "base/mutex.h"
#include "base/names.h"

namespace kw::crypto {

// WorkingKeyMeter counts what all keyrings do with wrapped keys, and remembers the keys that did
// not come back as the catalog knows them, until somebody looks. Safe for concurrent use.
class WorkingKeyMeter {
 public:
  Counter unwrapped;  // SoftHSM never gives back the 240 bytes that each costs
  Counter evicted;    // to make room
  Counter reused;     // found in a keyring

  void suspect(const KeyId& key) {
    const MutexLock lock(mutex_);
    if (suspects_.size() < kMostSuspects) suspects_.push_back(key);
  }
  std::vector<KeyId> take_suspects() {
    const MutexLock lock(mutex_);
    return std::exchange(suspects_, {});
  }

 private:
  static constexpr std::size_t kMostSuspects = 64;

  Mutex mutex_;
  std::vector<KeyId> suspects_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::crypto
