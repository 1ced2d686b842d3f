// SPDX-License-Identifier: Apache-2.0
#include "service/core/cosigners.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "service/telemetry/page.h"

namespace kw::core {
namespace {

using telemetry::Page;

constexpr std::size_t kMostWitnesses = 16;
constexpr auto kLookEvery = std::chrono::milliseconds(200);
constexpr auto kRetryAfter = std::chrono::seconds(1);
constexpr auto kRetryDisputeAfter = std::chrono::seconds(10);
constexpr auto kRenewEvery = std::chrono::seconds(15);
constexpr auto kMostLag = std::chrono::seconds(3);
constexpr unsigned kNoteMode = 0640;

Error bad_settings(const std::string& why) {
  return Error(Code::InvalidArgument, "audit.witnesses: " + why);
}

// The cosignature, if the witness gives one. That it fails is said once.
std::optional<std::string> ask(Cosigner& cosigner, const Checkpointer::Signed& target,
                               bool& failing) {
  Result<std::string> line = cosigner.submit(target);
  if (!line && !failing) {
    log_error(Severity::Error, "the witness " + cosigner.name() + " cosigns nothing", line.error());
  }
  failing = !line;
  if (!line) return std::nullopt;
  return std::move(line).value();
}

}  // namespace

Cosigners::Cosigners(Shared& shared, std::size_t witnesses, std::size_t quorum)
    : shared_(shared), quorum_(quorum), gathering_(witnesses, quorum) {}

Result<std::unique_ptr<Cosigners>> Cosigners::start(Shared& shared,
                                                    const std::vector<WitnessOptions>& witnesses,
                                                    std::size_t quorum) {
  if (witnesses.size() > kMostWitnesses) return bad_settings("at most 16");
  if (quorum == 0 || quorum > witnesses.size()) return bad_settings("no such quorum");
  std::unique_ptr<Cosigners> made(new Cosigners(shared, witnesses.size(), quorum));
  std::set<std::string> names;
  for (const WitnessOptions& witness : witnesses) {
    auto cosigner = Cosigner::open(shared, witness);
    if (!cosigner) return bad_settings(cosigner.error().detail());
    if (!names.insert((*cosigner)->name()).second) return bad_settings("one name twice");
    made->cosigners_.push_back(*std::move(cosigner));
  }
  made->running_.store(witnesses.size());
  for (std::size_t i = 0; i < witnesses.size(); ++i) {
    made->threads_.emplace_back([cosigners = made.get(), i] { cosigners->run(i); });
  }
  return made;
}

// A call may begin just after it was stopped, so it is stopped until all have ended.
Cosigners::~Cosigners() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  while (running_.load() > 0) {
    for (const auto& cosigner : cosigners_) cosigner->stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Cosigners::pause(std::chrono::milliseconds span) {
  const Deadline end = deadline_in(span);
  const MutexLock lock(mutex_);
  while (!stopping_ && !has_passed(end)) stop_.wait_until(mutex_, end);
  return !stopping_;
}

void Cosigners::run(std::size_t witness) {
  std::optional<audit::TreeHead> cosigned;
  Deadline renew_at;
  bool failing = false;
  Cosigner& cosigner = *cosigners_[witness];
  for (bool goes_on = true; goes_on;) {
    const Checkpointer::Signed target = gathering_.target(shared_.checkpointer->newest());
    if (cosigned == target.head && !has_passed(renew_at)) {
      goes_on = pause(kLookEvery);
      continue;
    }
    std::optional<std::string> line = ask(cosigner, target, failing);
    if (line) cosigned = target.head;
    renew_at = deadline_in(kRenewEvery);
    if (gathering_.settle(witness, target.head, std::move(line))) publish();
    goes_on =
        pause(failing && cosigner.dispute() != Dispute::None ? kRetryDisputeAfter : kRetryAfter);
  }
  running_.fetch_sub(1);
}

void Cosigners::publish() {
  const MutexLock lock(publishing_);
  const auto cosigned = gathering_.cosigned();
  const auto kept =
      write_file(shared_.log->folder() / Checkpointer::kCosignedFile, cosigned->note, kNoteMode);
  if (!kept) log_error(Severity::Error, "a cosigned checkpoint is not kept", kept.error());
}

std::string Cosigners::note_to_serve() const {
  const Checkpointer::Signed newest = shared_.checkpointer->newest();
  const auto cosigned = gathering_.cosigned();
  if (!cosigned) return newest.note;
  const bool good = cosigned->head == newest.head ||
                    newest.signed_at - cosigned->signed_at <= Clock::duration(kMostLag);
  return good ? cosigned->note : newest.note;
}

std::optional<std::string> Cosigners::trouble() const {
  for (const auto& cosigner : cosigners_) {
    if (cosigner->dispute() == Dispute::Proven) {
      return "a witness proves that the audit log was rolled back or forked";
    }
  }
  return std::nullopt;
}

double Cosigners::age_of(const std::optional<WallTime>& then) const {
  const auto age = then ? std::chrono::duration<double>(wall_now() - *then)
                        : std::chrono::duration<double>(Clock::now() - started_);
  return std::max(age.count(), 0.0);
}

void Cosigners::describe(Page& page, const Cosigners* cosigners) {
  static const std::vector<std::unique_ptr<Cosigner>> kNone;
  const auto& all = cosigners == nullptr ? kNone : cosigners->cosigners_;
  std::vector<double> ages;
  page.gauge("keyward_witness_cosignature_age_seconds",
             "Time since the witness's newest cosignature, or since the start if it gave none.");
  for (const auto& cosigner : all) {
    ages.push_back(cosigners->age_of(cosigner->cosigned_at()));
    page.value(ages.back(), {{"witness", cosigner->name()}});
  }
  page.counter("keyward_witness_failures_total", "Submissions that got no cosignature.");
  for (const auto& cosigner : all) {
    page.value(cosigner->failures(), {{"witness", cosigner->name()}});
  }
  page.gauge("keyward_witness_dispute",
             "What the witness holds against the log: 0 nothing, 1 its word alone, 2 a proof.");
  for (const auto& cosigner : all) {
    page.value(static_cast<double>(cosigner->dispute()), {{"witness", cosigner->name()}});
  }
  page.gauge("keyward_witness_quorum_age_seconds",
             "Time since as many witnesses as must have cosigned.");
  if (cosigners == nullptr) return;
  std::sort(ages.begin(), ages.end());
  page.value(ages[cosigners->quorum_ - 1]);
}

}  // namespace kw::core
