// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/core/checkpointer.h"

namespace kw::core {

// Gathering lets several witnesses cosign the same checkpoint, though each has its own pace: all
// are shown one, and the next when all have answered or their time is over. Safe for concurrent
// use.
class Gathering {
 public:
  // So many witnesses, of which `quorum` make a checkpoint a cosigned one.
  Gathering(std::size_t witnesses, std::size_t quorum);

  // The checkpoint to show to a witness now: the newest, unless some have yet to answer for the one
  // before, 2 s long at most.
  Checkpointer::Signed target(const Checkpointer::Signed& newest);

  // What came of showing `head` to a witness: its line, or none. Whether a quorum's note is new.
  bool settle(std::size_t witness, const audit::TreeHead& head, std::optional<std::string> line);

  // The newest checkpoint that a quorum cosigned, their lines with it.
  std::optional<Checkpointer::Signed> cosigned() const;

 private:
  bool all_have_answered() const KW_REQUIRES(mutex_);

  const std::size_t quorum_;
  mutable Mutex mutex_;
  std::optional<Checkpointer::Signed> target_ KW_GUARDED_BY(mutex_);
  Deadline shown_until_ KW_GUARDED_BY(mutex_);
  std::vector<std::string> lines_ KW_GUARDED_BY(mutex_);  // for the target; empty: none yet
  std::vector<bool> failing_ KW_GUARDED_BY(mutex_);       // a witness that fails is not waited for
  std::optional<Checkpointer::Signed> cosigned_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::core
