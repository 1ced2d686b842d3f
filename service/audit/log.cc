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
constexpr std::chrono::milliseconds kMarkEvery{50};

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

// What a disk has against a log is one thing to who opens it.
template <typename T>
Result<T> unavailable(Result<T> result) {
  if (result || reason_of_failure(result.error().code()) == Reason::WriteFailed) return result;
  return Error(Code::Unavailable, result.error().detail());
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(const std::filesystem::path& folder,
                                       const LogOptions& options) {
  FileDescriptor lock = TRY(lock_folder(folder));
  Reserve reserve = TRY(unavailable(Reserve::open(folder, options.reserve_calls)));
  std::unique_ptr<Log> log(new Log(folder, options, std::move(lock), std::move(reserve)));
  TRY(unavailable(log->recover()));
  TRY(log->begin());
  return log;
}

Log::Log(std::filesystem::path folder, const LogOptions& options, FileDescriptor lock,
         Reserve reserve)
    : folder_(std::move(folder)),
      options_(options),
      lock_(std::move(lock)),
      opened_(Clock::now()),
      tree_(TileFiles(folder_)),
      reserve_(std::move(reserve)),
      noted_(reserve_.note()) {}

Log::~Log() {
  stop();
  Waiters left;
  {
    const MutexLock lock(mutex_);
    left = std::exchange(waiters_, {});
  }
  for (Waiter& waiter : left) {
    waiter.callback(Error(Code::Unavailable, "audit log: a required sink did not take the record"));
  }
}

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
  growth_.notify_all();
  committer_.join();
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  alarm_.notify_all();
  watch_.join();
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
  put_note_on_record();
  return {};
}

Result<void> Log::resume(const std::vector<std::filesystem::path>& segments) {
  const SegmentTail tail = TRY(recover_log(segments, options_.signed_head, tree_));
  file_ = TRY(SegmentFile::resume(segments.back(), tail.end, options_.calls));
  chain_.resume(tail.next_index, tail.last_leaf);
  durable_ = released_ = tail.next_index;
  durable_leaf_ = tail.last_leaf;
  segment_first_ = first_index_of(segments.back());
  segment_bytes_ = tail.end;
  segment_sealed_ = tail.sealed;
  if (tail.torn > 0) {
    Record recovered = system_record(Event::Recovered);
    recovered.count = tail.torn;
    recovered.digest = tail.torn_digest;
    enqueue(frame_of(recovered));
  }
  put_note_on_record();
  return {};
}

// A trouble that the process before could not put on record, or did not see become durable.
void Log::put_note_on_record() {
  if (!noted_ || (noted_->recorded != 0 && noted_->recorded <= durable_)) return;
  over_ = noted_;
  over_->recorded = enqueue(frame_of(record_of(*noted_, durable_))).index + 1;
}

Result<void> Log::begin() {
  committer_ = std::thread([this] { run(); });
  watch_ = std::thread([this] { watch(); });
  const Ticket started = TRY(append(system_record(Event::Start)));
  return wait_durable(started, deadline_in(kFirstRecordWithin));
}

Stamp Log::stamp() const {
  return {wall_now(),
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - opened_)};
}

Bytes Log::frame_of(const Record& record) const {
  return make_unlinked_frame(encode_fields(record, stamp()));
}

// While answers are withheld for another reason than the disk, what the service itself meets still
// goes on record: nobody gets an answer by it.
bool Log::takes(const Record& record) const {
  const State state = state_.load();
  return state == State::Open || (state == State::Blocked && record.event && !disk_failed_);
}

Result<Ticket> Log::append(const Record& record) {
  Bytes frame = frame_of(record);
  Ticket ticket;
  bool wake = false;
  {
    const MutexLock lock(mutex_);
    if (!takes(record)) {
      if (trouble_) ++trouble_->refused;
      meter_.refused.add();
      return trouble();
    }
    if (undurable_bytes_ + frame.size() > options_.undurable_limit) {
      meter_.refused.add();
      return Error(Code::Unavailable, "audit log: too much is waiting for the disk");
    }
    ticket = enqueue(std::move(frame));
    wake = chain_.next_index() >= gather_to_;
  }
  if (wake) work_.notify_one();
  return ticket;
}

Ticket Log::enqueue(Bytes frame) {
  start_segment_if_full(frame.size());
  mark(chain_.next_index());
  const Ticket ticket = chain_.link(frame);
  add_to_chunk(frame, ticket.leaf);
  return ticket;
}

void Log::mark(std::uint64_t index) {
  const Clock::time_point now = Clock::now();
  if (marks_.empty() || now - marks_.back().time >= kMarkEvery) marks_.push_back({index, now});
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

std::optional<std::string> Log::trouble_now() const {
  if (healthy()) return std::nullopt;
  const MutexLock lock(mutex_);
  if (!trouble_) return std::nullopt;
  const bool is_sink = trouble_->reason == Reason::SinkDown;
  return std::string("the audit log ") +
         (is_sink ? "waits for a required sink" : "cannot be written") + ": " +
         std::string(name_of_trouble(trouble_->reason));
}

Error Log::trouble() const { return Error(Code::Unavailable, "audit log: " + cause_); }

std::optional<Result<void>> Log::verdict_on(std::uint64_t index) const {
  const bool is_barred = trouble_ && barred_from_ <= index && index < trouble_->end;
  if (is_barred || withheld_.holds(index)) {
    return Result<void>(Error(Code::Unavailable, "audit log: the answer was withheld: " + cause_));
  }
  if (index < released_) return Result<void>();
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
  while (!enough() && !has_passed(deadline)) {
    growth_due_ = std::min(growth_due_, size + most);
    growth_.wait_until(mutex_, deadline);
  }
  return !stopping_;
}

Log::Gate Log::add_gate(std::uint64_t passed) {
  const MutexLock lock(mutex_);
  gates_.push_back({passed, false});
  return gates_.size() - 1;
}

void Log::pass(Gate gate, std::uint64_t end) {
  Waiters ready;
  {
    const MutexLock lock(mutex_);
    gates_[gate] = {end, false};
    ready = release();
  }
  progress_.notify_all();
  for (Waiter& waiter : ready) waiter.callback({});
}

void Log::shut(Gate gate, const std::string& cause) {
  Waiters failed;
  {
    const MutexLock lock(mutex_);
    gates_[gate].is_shut = true;
    failed = enter_trouble(Reason::SinkDown, cause);
  }
  progress_.notify_all();
  for (Waiter& waiter : failed) waiter.callback(Error(Code::Unavailable, cause));
}

bool Log::is_gate_shut() const {
  return std::any_of(gates_.begin(), gates_.end(),
                     [](const GateState& gate) { return gate.is_shut; });
}

Log::Waiters Log::release() {
  std::uint64_t passed = durable_;
  for (const GateState& gate : gates_) passed = std::min(passed, gate.passed);
  released_ = std::max(released_, passed);
  if (released_ == chain_.next_index()) marks_.clear();
  while (marks_.size() > 1 && marks_[1].index <= released_) marks_.pop_front();
  const auto first_ready = std::partition(
      waiters_.begin(), waiters_.end(),
      [this](const Waiter& waiter) KW_REQUIRES(mutex_) { return waiter.index >= released_; });
  Waiters ready(std::make_move_iterator(first_ready), std::make_move_iterator(waiters_.end()));
  waiters_.erase(first_ready, waiters_.end());
  std::sort(ready.begin(), ready.end(),
            [](const Waiter& a, const Waiter& b) { return a.index < b.index; });
  leave_trouble_if_over();
  return ready;
}

Log::Waiters Log::enter_trouble(Reason reason, const std::string& cause) {
  cause_ = cause;
  if (!trouble_) {
    trouble_ = Trouble{reason, wall_now(), released_, 0, 0};
    barred_from_ = released_;
    meter_.troubles.add();
  }
  if (reason == Reason::SyncFailed) trouble_->reason = reason;
  trouble_->end = chain_.next_index();
  if (!failed_for_good()) state_.store(State::Blocked);
  alarm_.notify_all();
  return std::exchange(waiters_, {});
}

// Whoever's answer was withheld does not get it any more: the record that says so comes first.
void Log::leave_trouble_if_over() {
  if (!trouble_ || disk_failed_ || failed_for_good() || is_gate_shut()) return;
  if (released_ < trouble_->end) return;
  const Trouble over = *std::exchange(trouble_, std::nullopt);
  withheld_.add(barred_from_, over.end);
  meter_.withheld.add(over.end - over.first);
  state_.store(State::Open);
  // What was put on record meanwhile did not keep anybody waiting.
  for (Mark& one : marks_) one.time = Clock::now();
  over_ = over;
  over_->recorded = enqueue(frame_of(record_of(over, over.end))).index + 1;
  work_.notify_one();
  alarm_.notify_all();
}

}  // namespace kw::audit
