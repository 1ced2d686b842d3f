// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/core/cosigner.h"
#include "service/core/gathering.h"

namespace kw::telemetry {
class Page;
}

namespace kw::core {

// Cosigners show each checkpoint to the witnesses, one thread each, and keep the newest that enough
// of them cosigned: in the log's folder, and for who asks for a checkpoint. An idle log is shown
// again and again, so that its cosignatures stay fresh. Nothing waits for a witness.
class Cosigners {
 public:
  // Errors: InvalidArgument (a witness's settings, two of one name, a quorum that cannot be).
  static Result<std::unique_ptr<Cosigners>> start(Shared& shared,
                                                  const std::vector<WitnessOptions>& witnesses,
                                                  std::size_t quorum);
  ~Cosigners();
  Cosigners(const Cosigners&) = delete;
  Cosigners& operator=(const Cosigners&) = delete;

  // The checkpoint to give out: the newest, with the cosignatures of a quorum; or the cosigned one
  // that came before it by no more than 3 s; or else the newest as it is.
  std::string note_to_serve() const;

  // What a witness proved against the log, if one did.
  std::optional<std::string> trouble() const;

  // The families of all witnesses, which have no values where there are none (null).
  static void describe(telemetry::Page& page, const Cosigners* cosigners);

 private:
  Cosigners(Shared& shared, std::size_t witnesses, std::size_t quorum);
  void run(std::size_t witness);
  void publish();
  bool pause(std::chrono::milliseconds span);
  double age_of(const std::optional<WallTime>& then) const;

  Shared& shared_;
  const Clock::time_point started_ = Clock::now();
  const std::size_t quorum_;
  Gathering gathering_;
  std::vector<std::unique_ptr<Cosigner>> cosigners_;  // constant once the threads run

  Mutex publishing_;

  Mutex mutex_;
  ConditionVariable stop_;
  bool stopping_ KW_GUARDED_BY(mutex_) = false;
  std::atomic<std::size_t> running_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace kw::core
