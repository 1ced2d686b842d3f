// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
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
#include "service/audit/reserve.h"
#include "service/audit/segment_file.h"
#include "service/audit/tree.h"
#include "service/audit/trouble.h"

namespace kw::audit {

struct LogOptions {
  std::size_t segment_size = 64u << 20;        // a segment is sealed before it grows beyond
  std::size_t zeros_ahead = 1u << 20;          // how far zeros are written in front of the records
  std::size_t undurable_limit = 8u << 20;      // bytes appended but not durable; more are refused
  std::chrono::milliseconds probe_every{100};  // how often a log that cannot write tries again
  // The oldest answer that waits may be so old; then all that wait are refused, and later ones at
  // once, until the disk (or a gate) has caught up.
  std::chrono::milliseconds durable_within{8000};
  // What a commit waits at most for records that it may take along, and for the next of them.
  std::chrono::microseconds gather_within{1000};
  std::chrono::microseconds gather_step{200};
  std::optional<TreeHead> signed_head;  // of this log: open() refuses one without it
  FileCalls calls = system_calls();
  FileCalls reserve_calls = system_calls();
};

// Log is the audit log's one writer: a record counts once it is durable, or it fails closed. When
// the disk is full, read-only or too slow, every append and every waiter gets Unavailable until
// writing works again; records that were appended before are kept and written then, and a record
// behind them says that their answers were withheld. The same when the file was displaced, but what
// follows is written to a new segment. After a failed fdatasync the log stays shut for good. The
// trouble is noted in the folder's reserve at once. Thread-safe.
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

  // So many operations wait to be done now, each of which will append. With those whose records are
  // not durable yet they are in flight: where they are many, the next commit takes the records of
  // half of them along, if they come soon.
  void foresee(std::size_t operations) noexcept {
    foreseen_.store(operations, std::memory_order_relaxed);
  }

  // Calls back once the record is durable and has passed every gate, or with Unavailable when the
  // log fails first: from a thread of the log or of a gate, in the order of the indices, or at once
  // if that is known already. An answer that was refused once is refused for ever. The callback
  // must be quick, and must not destroy the log.
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

  // A gate is somebody else whom a record must have passed before its answer is given. A new one
  // was passed by the first `passed` records. While one is shut no operation's record is taken;
  // pass() opens it again.
  using Gate = std::size_t;
  Gate add_gate(std::uint64_t passed);
  void pass(Gate gate, std::uint64_t end);
  void shut(Gate gate, const std::string& cause);

  // Waits until `most` records behind the first `size` are durable, or a segment was begun behind
  // them, or the deadline. False once the log stops.
  bool wait_for_growth(std::uint64_t size, std::uint64_t most, Deadline deadline) const;

  const std::filesystem::path& folder() const noexcept { return folder_; }

  // Whether an append would be taken now.
  bool healthy() const noexcept { return state_.load() == State::Open; }
  bool failed_for_good() const noexcept { return state_.load() == State::Dead; }

  // Why it takes no record now, a short sentence for whoever may ask; none while it does.
  std::optional<std::string> trouble_now() const;

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
    bool needs_tiles = false;     // the leaves before it can be had from tiles alone
    std::uint64_t end_index = 0;  // one behind the last record
  };
  struct Waiter {
    std::uint64_t index = 0;
    Callback callback;
  };
  using Waiters = std::vector<Waiter>;
  struct GateState {
    std::uint64_t passed = 0;
    bool is_shut = false;
  };
  // The records from `index` on were appended at `time` or later.
  struct Mark {
    std::uint64_t index;
    Clock::time_point time;
  };

  Log(std::filesystem::path folder, const LogOptions& options, FileDescriptor lock,
      Reserve reserve);
  Result<void> recover();
  Result<void> resume(const std::vector<std::filesystem::path>& segments) KW_REQUIRES(mutex_);
  void put_note_on_record() KW_REQUIRES(mutex_);
  Result<void> begin();

  Stamp stamp() const;
  Bytes frame_of(const Record& record) const;
  bool takes(const Record& record) const KW_REQUIRES(mutex_);
  Ticket enqueue(Bytes frame) KW_REQUIRES(mutex_);
  void start_segment_if_full(std::size_t frame_size) KW_REQUIRES(mutex_);
  void add_to_chunk(const Bytes& frame, const Sha256Digest& leaf) KW_REQUIRES(mutex_);
  void mark(std::uint64_t index) KW_REQUIRES(mutex_);
  std::optional<Result<void>> verdict_on(std::uint64_t index) const KW_REQUIRES(mutex_);
  Error trouble() const KW_REQUIRES(mutex_);

  // Each yields those who are to be called back, once the mutex is free.
  Waiters enter_trouble(Reason reason, const std::string& cause) KW_REQUIRES(mutex_);
  Waiters release() KW_REQUIRES(mutex_);
  void leave_trouble_if_over() KW_REQUIRES(mutex_);
  bool is_gate_shut() const KW_REQUIRES(mutex_);

  // The committer's.
  void run();
  bool take_batch(std::deque<Chunk>& batch);
  void gather() KW_REQUIRES(mutex_);
  bool commit_all(std::deque<Chunk>& batch);
  Result<void> commit(Chunk& chunk);
  Result<void> next_segment(const SegmentStart& start);
  Result<void> sync_or_die();
  void settle(const Chunk& done);
  void fail(const Error& cause);
  bool wait_for_probe();
  Result<void> leave_segment(std::deque<Chunk>& batch);
  bool is_in_place() const;
  void link_again(const std::deque<Chunk>& chunks, Bytes event) KW_REQUIRES(mutex_);

  // The watch's: nobody waits for longer than is promised, and trouble is noted in the reserve.
  void watch();
  void refuse_the_overdue();
  bool is_overdue() const KW_REQUIRES(mutex_);
  bool is_note_due() const KW_REQUIRES(mutex_);
  std::optional<Trouble> wanted_note() const KW_REQUIRES(mutex_);
  Deadline next_look() const KW_REQUIRES(mutex_);
  void write_note();

  const std::filesystem::path folder_;
  const LogOptions options_;
  const FileDescriptor lock_;
  const Clock::time_point opened_;

  Tree tree_;
  std::optional<SegmentFile> file_;        // recover()'s, then the committer's alone
  Reserve reserve_;                        // the watch's alone
  std::optional<WallTime> said_;           // the same: the trouble that operators were told of
  std::atomic<State> state_{State::Open};  // changes under the mutex; read anywhere
  std::atomic<std::size_t> foreseen_{0};
  LogMeter meter_;

  mutable Mutex mutex_;
  ConditionVariable work_;
  ConditionVariable alarm_;
  mutable ConditionVariable progress_;
  mutable ConditionVariable growth_;
  Chain chain_ KW_GUARDED_BY(mutex_);
  std::deque<Chunk> pending_ KW_GUARDED_BY(mutex_);
  Waiters waiters_ KW_GUARDED_BY(mutex_);
  std::vector<GateState> gates_ KW_GUARDED_BY(mutex_);
  std::deque<Mark> marks_ KW_GUARDED_BY(mutex_);           // of what is not released, oldest first
  std::uint64_t durable_ KW_GUARDED_BY(mutex_) = 0;        // records below this index are durable
  Sha256Digest durable_leaf_ KW_GUARDED_BY(mutex_){};      // of the last of them
  std::uint64_t released_ KW_GUARDED_BY(mutex_) = 0;       // and below this one passed the gates
  std::uint64_t segment_first_ KW_GUARDED_BY(mutex_) = 0;  // of the segment that is written now
  std::size_t segment_bytes_ KW_GUARDED_BY(mutex_) = 0;    // of the segment being appended to
  bool segment_sealed_ KW_GUARDED_BY(mutex_) = false;
  std::size_t undurable_bytes_ KW_GUARDED_BY(mutex_) = 0;
  std::size_t in_flight_ KW_GUARDED_BY(mutex_) = 0;    // operations, when the last commit ended
  std::uint64_t gather_to_ KW_GUARDED_BY(mutex_) = 0;  // appends below this index wake no committer
  // Who waits for growth is woken when so many records are durable, and not by each commit before.
  mutable std::uint64_t growth_due_ KW_GUARDED_BY(mutex_) = UINT64_MAX;
  bool stopping_ KW_GUARDED_BY(mutex_) = false;

  std::optional<Trouble> trouble_ KW_GUARDED_BY(mutex_);  // now; not Open exactly while it is one
  std::string cause_ KW_GUARDED_BY(mutex_);               // of it, for operators
  std::uint64_t barred_from_ KW_GUARDED_BY(mutex_) = 0;   // its first index as callers know them
  bool disk_failed_ KW_GUARDED_BY(mutex_) = false;        // the last commit did
  Withheld withheld_ KW_GUARDED_BY(mutex_);               // of troubles that are over
  std::optional<Trouble> over_ KW_GUARDED_BY(mutex_);     // the last one; its record is undurable
  std::optional<Trouble> noted_ KW_GUARDED_BY(mutex_);    // in the reserve
  Clock::time_point noted_at_ KW_GUARDED_BY(mutex_);
  bool note_failed_ KW_GUARDED_BY(mutex_) = false;
  bool ended_ KW_GUARDED_BY(mutex_) = false;  // nothing is committed any more

  std::thread committer_;
  std::thread watch_;
};

}  // namespace kw::audit
