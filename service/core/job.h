// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "service/core/work.h"

namespace kw::core {

class KeyService;

// Why a job was not begun. But for OwnShare, which is the caller's own doing, the service is at
// fault. Nothing happened in any case.
enum class Refusal : std::uint8_t {
  QueueFull,  // as many jobs wait as may
  OwnShare,   // the caller's own waiting jobs are as many as may be, or too many to be done in time
  NoTime,     // what waits in front takes longer than the job has
  Late,       // its deadline passed while it waited
};
inline constexpr std::size_t kRefusalCount = 4;

// Job is one request on its way to the door.
struct Job {
  std::string caller;  // whose share it takes; empty is the service itself
  Work work = Work::Host;
  Steps steps = one_step(Work::Host);  // how many are to come, the first of which is `work`
  std::size_t bytes = 0;               // what it holds in memory while it waits
  Deadline deadline;
  // One step, with an executor's KeyService; yields what the next one is, or nothing at the end.
  Task<std::optional<Work>(KeyService&)> run;
  // Called instead of `run`, once, by the thread that submitted this job or another: before any
  // step, or between two where the executors close.
  Task<void(Refusal)> refuse;
};

}  // namespace kw::core
