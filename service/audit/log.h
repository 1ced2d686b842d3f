// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/task.h"
#include "service/audit/chain.h"
#include "service/audit/log_meter.h"
#include "service/audit/record.h"
#include "service/audit/segment_file.h"
#include "service/audit/tree.h"

namespace kw::audit {

struct LogOptions {
  std::size_t segment_size = 64u << 20;        // a segment is sealed before it grows beyond
  std::size_t zeros_ahead = 1u << 20;          // how far zeros are written in front of the records
  std::size_t undurable_limit = 8u << 20;      // bytes appended but not durable; more are refused
  std::chrono::milliseconds probe_every{100};  // how often a log that cannot write tries again
  std::optional<TreeHead> signed_head;         // of this log: open() refuses one without it
  FileCalls calls = system_calls();
};

// Log is the audit log's one writer: a record counts once it is durable, or it fails closed. When
// the disk is full or the file was moved away, every append and every waiter gets Unavailable until
// writing works again; records that were appended before are kept and written then. After a failed
// fdatasync the log stays shut for good. Thread-safe.
class Log {
 public:
  using Callback = Task<void(Result<void>)>;

  // Opens or makes the log in `folder`, for this process alone. A tail torn by a crash is cut, and
  // the cut recorded; then the start is recorded, durably. Errors: FailedPrecondition (another
  // process has it open), Internal (damaged in a way that no crash explains), Unavailable.
  static Result<std::unique_ptr<Log>> open(const std::filesystem::path& folder,
                                           const LogOptions& options);

  // Stops.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Gives the record its place. It is not durable yet. Errors: Unavailable.
  Result<Ticket> append(const Record& record);

  // Calls back once the record is durable, or with Unavailable when the log fails first: from the
  // committer thread, in the order of the indices, or at once if that is known already. The
  // callback must be quick, and must not destroy the log.
  void when_durable(const Ticket& ticket, Callback callback);

  // The same for a thread that waits. Errors: Unavailable, DeadlineExceeded.
  Result<void> wait_durable(const Ticket& ticket, Deadline deadline);

  // Records the stop, makes everything durable that can be, and answers every waiter. Nothing may
  // be appended any more; the tree stands.
  void stop();

  // The tree over the records that are durable.
  const Tree& tree() const noexcept { return tree_; }
  // Writes the tree's full tiles. Errors: Unavailable.
  Result<void> save_tree() { return tree_.save(); }

  // Waits until `most` records behind the first `size` are durable, or a segment was begun behind
  // them, or the deadline. False once the log stops.
  bool wait_for_growth(std::uint64_t size, std::uint64_t most, Deadline deadline) const;

  const std::filesystem::path& folder() const noexcept { return folder_; }

  // Whether an append would be taken now.
  bool healthy() const noexcept { return state_.load() == State::Open; }
  bool failed_for_good() const noexcept { return state_.load() == State::Dead; }

  // What it counts, and how it is now. `read` asks the disk for its free space.
  const LogMeter& meter() const noexcept { return meter_; }
  LogReading read() const;

 private:
  using State = LogState;

  // Frames for one segment; `start` says that they begin a new one.
  struct Chunk {
    std::optional<SegmentStart> start;
    Bytes frames;
    Hashes leaves;
    std::uint64_t end_index = 0;  // one behind the last record
  };
  struct Waiter {
    std::uint64_t index = 0;
    Callback callback;
  };

  Log(std::filesystem::path folder, const LogOptions& options, FileDescriptor lock);
  Result<void> recover();
  Result<void> resume(const std::vector<std::filesystem::path>& segments) KW_REQUIRES(mutex_);
  Result<void> begin();

  Stamp stamp() const;
  Ticket enqueue(Bytes frame) KW_REQUIRES(mutex_);
  void start_segment_if_full(std::size_t frame_size) KW_REQUIRES(mutex_);
  void add_to_chunk(const Bytes& frame, const Sha256Digest& leaf) KW_REQUIRES(mutex_);
  std::optional<Result<void>> verdict_on(std::uint64_t index) const KW_REQUIRES(mutex_);
  Error trouble() const KW_REQUIRES(mutex_);

  // The committer's.
  void run();
  bool take_batch(std::deque<Chunk>& batch);
  bool commit_all(std::deque<Chunk>& batch);
  Result<void> commit(Chunk& chunk);
  Result<void> next_segment(const SegmentStart& start);
  Result<void> sync_or_die();
  void settle(const Chunk& done);
  void fail(const Error& cause);
  bool wait_for_probe();

  const std::filesystem::path folder_;
  const LogOptions options_;
  const FileDescriptor lock_;
  const Clock::time_point opened_;

  Tree tree_;
  std::optional<SegmentFile> file_;        // recover()'s, then the committer's alone
  std::atomic<State> state_{State::Open};  // changes under the mutex; read anywhere
  LogMeter meter_;

  mutable Mutex mutex_;
  std::condition_variable_any work_;
  mutable std::condition_variable_any progress_;
  Chain chain_ KW_GUARDED_BY(mutex_);
  std::deque<Chunk> pending_ KW_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ KW_GUARDED_BY(mutex_);
  std::uint64_t durable_ KW_GUARDED_BY(mutex_) = 0;        // records below this index are durable
  std::uint64_t segment_first_ KW_GUARDED_BY(mutex_) = 0;  // of the segment that is written now
  std::size_t segment_bytes_ KW_GUARDED_BY(mutex_) = 0;    // of the segment being appended to
  bool segment_sealed_ KW_GUARDED_BY(mutex_) = false;
  std::size_t undurable_bytes_ KW_GUARDED_BY(mutex_) = 0;
  std::string cause_ KW_GUARDED_BY(mutex_);  // why the last commit failed
  bool stopping_ KW_GUARDED_BY(mutex_) = false;

  std::thread committer_;
};

}  // namespace kw::audit
