// SPDX-License-Identifier: Apache-2.0
#include "service/audit/log.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "service/audit/recovery.h"

namespace kw::audit {
namespace {

constexpr std::size_t kSealFrame = kFrameHeader + kPayloadPrefix + (3 + 1) + (3 + 8) + (3 + 8);
constexpr std::chrono::seconds kFirstRecordWithin{10};

Result<FileDescriptor> lock_folder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  const std::filesystem::path path = folder / "lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock.is_open()) return Error(Code::Unavailable, "cannot open " + path.string());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::FailedPrecondition, folder.string() + ": another process writes this log");
  }
  return lock;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(const std::filesystem::path& folder,
                                       const LogOptions& options) {
  FileDescriptor lock = TRY(lock_folder(folder));
  std::unique_ptr<Log> log(new Log(folder, options, std::move(lock)));
  TRY(log->recover());
  TRY(log->begin());
  return log;
}

Log::Log(std::filesystem::path folder, const LogOptions& options, FileDescriptor lock)
    : folder_(std::move(folder)),
      options_(options),
      lock_(std::move(lock)),
      opened_(Clock::now()),
      tree_(TileFiles(folder_)) {}

Log::~Log() { stop(); }

void Log::stop() {
  if (!committer_.joinable()) return;
  // A log that is shut has nowhere to write its stop.
  (void)append(system_record(Event::Stop));
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  progress_.notify_all();
  committer_.join();
  // Zeros behind the last record are no fault, and tiles can be made again: a failure here costs
  // space or time only.
  if (state_.load() == State::Open) (void)file_->trim();
  (void)tree_.save();
}

Result<void> Log::recover() {
  const MutexLock lock(mutex_);
  const std::vector<std::filesystem::path> segments = TRY(list_segments(folder_));
  if (!segments.empty()) return resume(segments);
  if (options_.signed_head) {
    return Error(Code::Internal, folder_.string() + ": records were signed, none is there");
  }
  TRY(tree_.clear());
  file_ = TRY(SegmentFile::create(folder_, SegmentStart{}, options_.calls));
  segment_bytes_ = kSegmentHeader;
  return {};
}

Result<void> Log::resume(const std::vector<std::filesystem::path>& segments) {
  const SegmentTail tail = TRY(recover_log(segments, options_.signed_head, tree_));
  file_ = TRY(SegmentFile::resume(segments.back(), tail.end, options_.calls));
  chain_.resume(tail.next_index, tail.last_leaf);
  durable_ = tail.next_index;
  segment_first_ = first_index_of(segments.back());
  segment_bytes_ = tail.end;
  segment_sealed_ = tail.sealed;
  if (tail.torn > 0) {
    Record recovered = system_record(Event::Recovered);
    recovered.count = tail.torn;
    recovered.digest = tail.torn_digest;
    enqueue(make_unlinked_frame(encode_fields(recovered, stamp())));
  }
  return {};
}

Result<void> Log::begin() {
  committer_ = std::thread([this] { run(); });
  const Ticket started = TRY(append(system_record(Event::Start)));
  return wait_durable(started, deadline_in(kFirstRecordWithin));
}

Stamp Log::stamp() const {
  return {wall_now(),
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - opened_)};
}

Result<Ticket> Log::append(const Record& record) {
  Bytes frame = make_unlinked_frame(encode_fields(record, stamp()));
  const MutexLock lock(mutex_);
  if (state_.load() != State::Open) return trouble();
  if (undurable_bytes_ + frame.size() > options_.undurable_limit) {
    return Error(Code::Unavailable, "audit log: too much is waiting for the disk");
  }
  return enqueue(std::move(frame));
}

Ticket Log::enqueue(Bytes frame) {
  start_segment_if_full(frame.size());
  const Ticket ticket = chain_.link(frame);
  add_to_chunk(frame, ticket.leaf);
  work_.notify_one();
  return ticket;
}

void Log::start_segment_if_full(std::size_t frame_size) {
  const bool fits = segment_bytes_ + frame_size + kSealFrame <= options_.segment_size;
  const bool is_new = segment_bytes_ == kSegmentHeader;
  if (!segment_sealed_ && (fits || is_new)) return;
  if (!segment_sealed_) {
    Bytes seal = make_unlinked_frame(encode_seal_fields(stamp()));
    const Ticket ticket = chain_.link(seal);
    add_to_chunk(seal, ticket.leaf);
  }
  pending_.emplace_back().start = SegmentStart{chain_.next_index(), chain_.last_leaf()};
  segment_bytes_ = kSegmentHeader;
  segment_sealed_ = false;
}

void Log::add_to_chunk(const Bytes& frame, const Sha256Digest& leaf) {
  if (pending_.empty()) pending_.emplace_back();
  kw::append(pending_.back().frames, frame);
  pending_.back().leaves.push_back(leaf);
  pending_.back().end_index = chain_.next_index();
  segment_bytes_ += frame.size();
  undurable_bytes_ += frame.size();
  meter_.appended.add();
}

LogReading Log::read() const {
  std::error_code failure;
  const std::filesystem::space_info disk = std::filesystem::space(folder_, failure);
  LogReading now;
  now.state = state_.load();
  if (!failure) {
    now.disk_free_bytes = disk.available;
    now.disk_bytes = disk.capacity;
  }
  const MutexLock lock(mutex_);
  now.undurable_bytes = undurable_bytes_;
  return now;
}

Error Log::trouble() const { return Error(Code::Unavailable, "audit log: " + cause_); }

std::optional<Result<void>> Log::verdict_on(std::uint64_t index) const {
  if (index < durable_) return Result<void>();
  if (state_.load() != State::Open) return Result<void>(trouble());
  return std::nullopt;
}

void Log::when_durable(const Ticket& ticket, Callback callback) {
  std::optional<Result<void>> verdict;
  {
    const MutexLock lock(mutex_);
    verdict = verdict_on(ticket.index);
    if (!verdict) {
      waiters_.push_back({ticket.index, std::move(callback)});
      return;
    }
  }
  callback(*std::move(verdict));
}

Result<void> Log::wait_durable(const Ticket& ticket, Deadline deadline) {
  const MutexLock lock(mutex_);
  for (;;) {
    if (const auto verdict = verdict_on(ticket.index)) return *verdict;
    if (has_passed(deadline)) {
      return Error(Code::DeadlineExceeded, "audit log: record not durable in time");
    }
    progress_.wait_until(mutex_, deadline);
  }
}

bool Log::wait_for_growth(std::uint64_t size, std::uint64_t most, Deadline deadline) const {
  const MutexLock lock(mutex_);
  const auto enough = [this, size, most]() KW_REQUIRES(mutex_) {
    return stopping_ || durable_ - size >= most || segment_first_ > size;
  };
  while (!enough() && !has_passed(deadline)) progress_.wait_until(mutex_, deadline);
  return !stopping_;
}

void Log::run() {
  std::deque<Chunk> batch;
  while (take_batch(batch) && commit_all(batch)) {
  }
}

bool Log::take_batch(std::deque<Chunk>& batch) {
  const MutexLock lock(mutex_);
  while (pending_.empty() && !stopping_) work_.wait(mutex_);
  batch = std::exchange(pending_, {});
  return !batch.empty();
}

// Yields false if the batch could not be written to its end: then nothing may be written after it.
bool Log::commit_all(std::deque<Chunk>& batch) {
  while (!batch.empty()) {
    const Clock::time_point begin = Clock::now();
    const Result<void> done = commit(batch.front());
    meter_.commit.observe(Clock::now() - begin);
    if (done) {
      settle(batch.front());
      batch.pop_front();
      continue;
    }
    fail(done.error());
    if (!wait_for_probe()) return false;
  }
  return true;
}

Result<void> Log::commit(Chunk& chunk) {
  if (chunk.start) {
    TRY(next_segment(*chunk.start));
    const MutexLock lock(mutex_);
    segment_first_ = chunk.start->first_index;
    chunk.start.reset();
  }
  TRY(file_->write(chunk.frames, options_.zeros_ahead));
  TRY(sync_or_die());
  TRY(file_->check_in_place());
  file_->advance(chunk.frames.size());
  return {};
}

Result<void> Log::next_segment(const SegmentStart& start) {
  TRY(file_->trim());
  TRY(sync_or_die());
  file_ = TRY(SegmentFile::create(folder_, start, options_.calls));
  return {};
}

Result<void> Log::sync_or_die() {
  Result<void> synced = file_->sync();
  if (!synced) {
    const MutexLock lock(mutex_);
    state_.store(State::Dead);
    cause_ = synced.error().detail();
  }
  return synced;
}

void Log::settle(const Chunk& done) {
  tree_.append(done.leaves);
  std::vector<Waiter> ready;
  {
    const MutexLock lock(mutex_);
    meter_.durable.add(done.end_index - durable_);
    meter_.batch.observe(done.end_index - durable_);
    durable_ = done.end_index;
    undurable_bytes_ -= done.frames.size();
    state_.store(State::Open);
    const auto first_ready = std::partition(
        waiters_.begin(), waiters_.end(),
        [end = done.end_index](const Waiter& waiter) { return waiter.index >= end; });
    ready.assign(std::move_iterator(first_ready), std::move_iterator(waiters_.end()));
    waiters_.erase(first_ready, waiters_.end());
  }
  progress_.notify_all();
  std::sort(ready.begin(), ready.end(),
            [](const Waiter& a, const Waiter& b) { return a.index < b.index; });
  for (Waiter& waiter : ready) waiter.callback({});
}

void Log::fail(const Error& cause) {
  std::vector<Waiter> failed;
  {
    const MutexLock lock(mutex_);
    if (!failed_for_good()) state_.store(State::Blocked);
    cause_ = cause.detail();
    failed = std::exchange(waiters_, {});
  }
  progress_.notify_all();
  for (Waiter& waiter : failed) waiter.callback(Error(Code::Unavailable, cause.detail()));
}

// Yields false when nothing is to be tried any more. A log that stops tries once more, at once.
bool Log::wait_for_probe() {
  const MutexLock lock(mutex_);
  if (stopping_ || failed_for_good()) return false;
  const Deadline probe = deadline_in(options_.probe_every);
  while (!stopping_ && !has_passed(probe)) work_.wait_until(mutex_, probe);
  return true;
}

}  // namespace kw::audit
