// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/sink.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace kw::audit_sinks {
namespace {

constexpr std::size_t kMostAtOnce = 256;
constexpr std::chrono::milliseconds kLookAfterPeer{500};
constexpr std::chrono::milliseconds kWhileLogEnds{50};
constexpr std::chrono::milliseconds kFirstPause{100};
// Nothing is answered while a required sink is away: it is looked for more often.
constexpr std::chrono::milliseconds kLongestPauseRequired{1'000};
constexpr std::chrono::milliseconds kLongestPause{10'000};
constexpr unsigned kMostDoublings = 10;

}  // namespace

Sink::Sink(SinkOptions options, audit::Log& log, Cursor cursor,
           std::unique_ptr<Transport> transport)
    : options_(std::move(options)),
      log_(log),
      cursor_(std::move(cursor)),
      feed_(log.folder(), cursor_.index()),
      transport_(std::move(transport)),
      safe_(cursor_.index()) {
  meter_.place = cursor_.index();
  if (options_.is_required) gate_ = log_.add_gate(cursor_.index());
  thread_ = std::thread([this] { run(); });
}

Sink::~Sink() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

SinkReading Sink::read() const {
  const std::uint64_t size = log_.tree().size();
  const std::uint64_t place = meter_.place.load();
  return {options_.name, options_.is_required, size - std::min(size, place), &meter_};
}

bool Sink::is_stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

// True unless the sink is to end.
bool Sink::pause(Clock::duration span) {
  const Deadline end = deadline_in(span);
  const MutexLock lock(mutex_);
  while (!stopping_ && !has_passed(end)) changed_.wait_until(mutex_, end);
  return !stopping_;
}

void Sink::run() {
  for (;;) {
    Result<void> done = transport_->connect();
    const bool was_connected = done.has_value();
    if (was_connected) done = serve_connection();
    meter_.is_connected = false;
    transport_->close();
    if (done) break;
    failed(done.error(), was_connected);
    const auto longest = gate_ ? kLongestPauseRequired : kLongestPause;
    const auto wanted = kFirstPause * (1u << std::min(failed_in_row_ - 1, kMostDoublings));
    if (!pause(std::min<std::chrono::milliseconds>(longest, wanted))) break;
  }
  save(Cursor::When::Now);
}

// Ends well only when the sink is to end and has brought everything.
Result<void> Sink::serve_connection() {
  feed_.move_to(safe_place());
  in_doubt_.clear();
  meter_.is_connected = true;
  for (;;) {
    const std::uint64_t size = log_.tree().size();
    if (feed_.place() < size) {
      TRY(send_some(size));
      continue;
    }
    arrived();
    save(Cursor::When::Due);
    if (is_stopping()) return {};
    if (!log_.wait_for_growth(size, 1, deadline_in(kLookAfterPeer))) pause(kWhileLogEnds);
    TRY(transport_->check());
  }
}

Result<void> Sink::send_some(std::uint64_t end) {
  std::vector<Message> messages;
  const std::uint64_t missed = feed_.missed();
  Result<void> read = feed_.read(end, kMostAtOnce, [&](const auto& record) {
    messages.push_back({record.index, transport_->encode(record)});
  });
  if (feed_.missed() > missed) {
    meter_.missed.add(feed_.missed() - missed);
    log_line(Severity::Alert, "audit sink " + options_.name + ": no segment holds " +
                                  std::to_string(feed_.missed() - missed) +
                                  " records that it did not get");
  }
  if (!messages.empty()) {
    TRY(transport_->send(messages));
    meter_.sent.add(messages.size());
    in_doubt_.push_back({Clock::now(), messages.back().index + 1});
    arrived();
    save(Cursor::When::Due);
  }
  return read;
}

// The peer has all records before the feed's place.
void Sink::arrived() {
  meter_.place = feed_.place();
  if (failed_in_row_ > 0) {
    log_line(Severity::Notice, "audit sink " + options_.name + ": takes records again");
  }
  failed_in_row_ = 0;
  if (gate_) log_.pass(*gate_, feed_.place());
}

// Where to begin if the connection breaks now.
std::uint64_t Sink::safe_place() {
  const Clock::time_point settled = Clock::now() - transport_->doubt();
  while (!in_doubt_.empty() && in_doubt_.front().time <= settled) {
    safe_ = in_doubt_.front().index;
    in_doubt_.pop_front();
  }
  return safe_;
}

void Sink::save(Cursor::When when) {
  const Result<void> saved = cursor_.move_to(safe_place(), when);
  if (!saved && !cursor_failing_) {
    log_error(Severity::Error, "audit sink " + options_.name + ": no cursor", saved.error());
  }
  cursor_failing_ = !saved;
}

// A connection that breaks may be a peer that starts anew: answers are withheld once it is not back
// at the next try.
void Sink::failed(const Error& cause, bool was_connected) {
  meter_.failures.add();
  ++failed_in_row_;
  if (failed_in_row_ == 1) {
    log_error(Severity::Error, "audit sink " + options_.name + " does not take records", cause);
  }
  if (gate_ && (!was_connected || failed_in_row_ > 1)) {
    log_.shut(*gate_, "required sink " + options_.name + ": " + cause.detail());
  }
}

}  // namespace kw::audit_sinks
