// SPDX-License-Identifier: Apache-2.0
// The two threads of the audit log: the committer, which writes, and the watch over it.
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "base/log.h"
#include "service/audit/log.h"

namespace kw::audit {
namespace {

constexpr std::chrono::seconds kNoteEvery{1};
constexpr std::size_t kLeastGathered = 8;
constexpr std::size_t kMostGathered = 48;

// The frames of a chunk, one by one.
std::vector<ByteView> frames_in(ByteView bytes) {
  std::vector<ByteView> frames;
  while (!bytes.empty()) {
    const std::size_t size = kFrameHeader + read_u32(bytes);
    frames.push_back(bytes.first(size));
    bytes = bytes.subspan(size);
  }
  return frames;
}

}  // namespace

void Log::run() {
  std::deque<Chunk> batch;
  while (take_batch(batch) && commit_all(batch)) {
  }
}

bool Log::take_batch(std::deque<Chunk>& batch) {
  const MutexLock lock(mutex_);
  while (pending_.empty() && !stopping_) work_.wait(mutex_);
  gather();
  batch = std::exchange(pending_, {});
  return !batch.empty();
}

// A commit costs its processor time whatever it holds, and the operations that wait want that time.
// So it takes half of them along, if they are many: while their records are on the way to the disk,
// the other half is worked at. Those that take long, signatures in an HSM, are not waited for.
void Log::gather() {
  const std::size_t worth = std::min(in_flight_ / 2, kMostGathered);
  if (worth < kLeastGathered || chain_.next_index() - durable_ >= worth) return;
  gather_to_ = durable_ + worth;
  const Deadline end = deadline_in(options_.gather_within);
  bool come = true;
  while (come && chain_.next_index() < gather_to_ && !stopping_ && !has_passed(end)) {
    const std::uint64_t before = chain_.next_index();
    work_.wait_until(mutex_, std::min(end, deadline_in(options_.gather_step)));
    come = chain_.next_index() > before;
  }
  gather_to_ = 0;
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
    // It may be back, and is used then.
    if (done.error().code() != Code::FailedPrecondition || file_->check_in_place()) continue;
    const Result<void> left = leave_segment(batch);
    if (!left) fail(left.error());
  }
  return true;
}

Result<void> Log::commit(Chunk& chunk) {
  if (chunk.needs_tiles) {
    TRY(tree_.save());
    TRY(sync_tree(folder_ / "tile"));
    chunk.needs_tiles = false;
  }
  if (chunk.start) {
    TRY(next_segment(*chunk.start));
    const MutexLock lock(mutex_);
    segment_first_ = chunk.start->first_index;
    growth_due_ = 0;
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
  }
  return synced;
}

void Log::settle(const Chunk& done) {
  tree_.append(done.leaves);
  Waiters ready;
  bool has_grown = false;
  {
    const MutexLock lock(mutex_);
    meter_.durable.add(done.end_index - durable_);
    meter_.batch.observe(done.end_index - durable_);
    in_flight_ = foreseen_.load(std::memory_order_relaxed) + (chain_.next_index() - durable_);
    durable_ = done.end_index;
    durable_leaf_ = done.leaves.back();
    undurable_bytes_ -= done.frames.size();
    disk_failed_ = false;
    if (over_ && over_->recorded <= durable_) {
      over_.reset();
      alarm_.notify_all();
    }
    ready = release();
    has_grown = durable_ >= growth_due_;
    if (has_grown) growth_due_ = UINT64_MAX;
  }
  progress_.notify_all();
  if (has_grown) growth_.notify_all();
  for (Waiter& waiter : ready) waiter.callback({});
}

void Log::fail(const Error& cause) {
  Waiters failed;
  {
    const MutexLock lock(mutex_);
    disk_failed_ = true;
    const Reason reason = failed_for_good() ? Reason::SyncFailed : reason_of_failure(cause.code());
    failed = enter_trouble(reason, cause.detail());
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

// Whether the folder's path still leads to the folder that this log has locked.
bool Log::is_in_place() const {
  struct stat ours {};
  struct stat named {};
  return ::fstat(lock_.get(), &ours) == 0 && ::lstat((folder_ / "lock").c_str(), &named) == 0 &&
         ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

// Goes on behind the segment whose file is not in place any more. Nothing is papered over: the gap
// stays for the verifier, and the event goes on record in front of what was refused.
// docs/adr/0009-a-displaced-segment.md says why.
Result<void> Log::leave_segment(std::deque<Chunk>& batch) {
  if (!is_in_place()) return Error(Code::FailedPrecondition, folder_.string() + ": replaced");
  Chain chain;
  {
    const MutexLock lock(mutex_);
    chain.resume(durable_, durable_leaf_);
  }
  Bytes seal = make_unlinked_frame(encode_seal_fields(stamp()));
  const Ticket sealed = chain.link(seal);
  const std::filesystem::path lost = file_->path();
  const Result<void> ended = file_->abandon(seal, lost.string() + ".lost");
  if (!ended) log_error(Severity::Error, "no copy of a displaced segment", ended.error());
  tree_.append(std::span(&sealed.leaf, 1));

  Record event = system_record(Event::SegmentAbandoned);
  event.reason = Reason::FileDisplaced;
  event.first = first_index_of(lost);
  event.count = chain.next_index() - *event.first;
  event.digest = sealed.leaf;
  const MutexLock lock(mutex_);
  std::move(pending_.begin(), pending_.end(), std::back_inserter(batch));
  chain_.resume(chain.next_index(), chain.last_leaf());
  durable_ = chain.next_index();
  durable_leaf_ = sealed.leaf;
  meter_.durable.add();
  link_again(batch, frame_of(event));
  batch = std::exchange(pending_, {});
  return {};
}

// Gives records that were not written new places, behind `event` in a new segment, and the trouble
// the new numbers. Seals are made anew where they belong.
void Log::link_again(const std::deque<Chunk>& chunks, Bytes event) {
  pending_.clear();
  Chunk& fresh = pending_.emplace_back();
  fresh.start = SegmentStart{chain_.next_index(), chain_.last_leaf()};
  fresh.needs_tiles = true;
  segment_bytes_ = kSegmentHeader;
  segment_sealed_ = false;
  undurable_bytes_ = 0;
  // What was durable already and waits for a gate stays where it is.
  const bool has_moved = trouble_->first + 1 >= chain_.next_index();
  enqueue(std::move(event));
  if (has_moved) trouble_->first = chain_.next_index();
  for (const Chunk& chunk : chunks) {
    for (const ByteView frame : frames_in(chunk.frames)) {
      if (!is_seal(frame.subspan(kFrameHeader))) enqueue(to_bytes(frame));
    }
  }
  trouble_->end = chain_.next_index();
}

void Log::watch() {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      while (!ended_ && !is_overdue() && !is_note_due()) {
        alarm_.wait_until(mutex_, next_look());
      }
    }
    refuse_the_overdue();
    write_note();
    const MutexLock lock(mutex_);
    // It may have ended while a note was written that is not the last one.
    if (ended_ && (note_failed_ || wanted_note() == noted_)) return;
  }
}

bool Log::is_overdue() const {
  return state_.load() == State::Open && !marks_.empty() &&
         has_passed(marks_.front().time + options_.durable_within);
}

void Log::refuse_the_overdue() {
  Waiters failed;
  std::string cause;
  {
    const MutexLock lock(mutex_);
    if (!is_overdue()) return;
    const bool is_durable = durable_ > marks_.front().index;
    cause = is_durable ? "a required sink takes longer than audit.durable_within"
                       : "the disk takes longer than audit.durable_within";
    failed = enter_trouble(is_durable ? Reason::SinkDown : Reason::DiskSlow, cause);
  }
  progress_.notify_all();
  for (Waiter& waiter : failed) waiter.callback(Error(Code::Unavailable, cause));
}

// A trouble stays noted until its record is durable.
std::optional<Trouble> Log::wanted_note() const { return trouble_ ? trouble_ : over_; }

bool Log::is_note_due() const {
  const std::optional<Trouble> wanted = wanted_note();
  if (wanted == noted_) return false;
  const bool is_same_trouble = wanted && noted_ && wanted->began == noted_->began;
  return (!is_same_trouble && !note_failed_) || has_passed(noted_at_ + kNoteEvery);
}

Deadline Log::next_look() const {
  if (trouble_) return deadline_in(kNoteEvery);
  return marks_.empty() ? deadline_in(options_.durable_within)
                        : marks_.front().time + options_.durable_within;
}

void Log::write_note() {
  std::optional<Trouble> wanted;
  std::string cause;
  {
    const MutexLock lock(mutex_);
    wanted = wanted_note();
    if (wanted == noted_) return;
    cause = cause_;
  }
  if (wanted && said_ != wanted->began) {
    said_ = wanted->began;
    log_line(Severity::Alert, "audit log: no answer is given free: " + cause);
  } else if (!wanted && std::exchange(said_, std::nullopt)) {
    log_line(Severity::Notice, "audit log: answers are given again");
  }
  const Result<void> written = reserve_.write(wanted);
  if (!written) log_error(Severity::Error, "trouble is not noted", written.error());
  const MutexLock lock(mutex_);
  noted_at_ = Clock::now();
  note_failed_ = !written;
  if (written) noted_ = wanted;
}

}  // namespace kw::audit
