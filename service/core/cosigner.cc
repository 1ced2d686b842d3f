// SPDX-License-Identifier: Apache-2.0
#include "service/core/cosigner.h"

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/log.h"
#include "service/audit_verify/signed_note.h"

namespace kw::core {
namespace {

constexpr std::string_view kSizeType = "text/x.tlog.size";
constexpr std::uint64_t kMostSecondsAhead = 60;
constexpr std::size_t kMostShown = 120;
constexpr unsigned kEvidenceMode = 0640;

std::uint64_t seconds_now() {
  const auto since = wall_now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(since).count());
}

// What a witness said, for one line of the diagnostics.
std::string said(const cosign::WitnessAnswer& answer) {
  std::string text = answer.body.substr(0, std::min(answer.body.find('\n'), kMostShown));
  return "answered " + std::to_string(answer.status) + (text.empty() ? "" : ": " + text);
}

Error unhelpful(const std::string& why) { return Error(Code::Unavailable, why); }

}  // namespace

Result<std::unique_ptr<Cosigner>> Cosigner::open(Shared& shared, const WitnessOptions& options) {
  auto client = TRY(cosign::WitnessClient::open(options.url, options.ca));
  auto key = TRY(audit_verify::CosignerKey::parse(options.key));
  const std::string vkey = shared.checkpointer->note_key().verifier_key();
  auto own = TRY(audit_verify::VerifierKey::parse(vkey));
  return std::unique_ptr<Cosigner>(
      new Cosigner(shared, std::move(key), std::move(own), std::move(client)));
}

std::optional<WallTime> Cosigner::cosigned_at() const {
  const std::uint64_t seconds = cosigned_at_.load();
  if (seconds == 0) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds));
}

Result<std::string> Cosigner::submit(const Checkpointer::Signed& checkpoint) {
  Result<std::string> line = exchange(checkpoint);
  if (!line) failures_.add();
  Dispute claimed = Dispute::Claimed;
  if (line) dispute_.compare_exchange_strong(claimed, Dispute::None);  // what is proven stays so
  return line;
}

// A witness that knows another size than was thought says which: then it is shown the proof from
// there on.
Result<std::string> Cosigner::exchange(const Checkpointer::Signed& checkpoint) {
  for (int i = 0; i < 2; ++i) {
    const std::string body = TRY(request_body(checkpoint));
    const cosign::WitnessAnswer answer = TRY(client_->add_checkpoint(body));
    if (answer.status == 200) return take_cosignature(checkpoint, answer.body);
    if (answer.status == 422) return look_into_dispute(said(answer));
    if (answer.status != 409) return unhelpful(said(answer));
    TRY(take_known_size(answer));
  }
  return unhelpful("its size changes while it is asked: does another service submit this log?");
}

Result<std::string> Cosigner::request_body(const Checkpointer::Signed& checkpoint) const {
  if (known_size_ > checkpoint.head.size) return unhelpful("knows a newer checkpoint already");
  const audit::Hashes proof =
      TRY(shared_.log->tree().consistency(known_size_, checkpoint.head.size));
  std::string body = "old " + std::to_string(known_size_) + "\n";
  for (const Sha256Digest& hash : proof) body += to_base64(hash) + "\n";
  return body + "\n" + checkpoint.note;
}

Result<std::string> Cosigner::take_cosignature(const Checkpointer::Signed& checkpoint,
                                               const std::string& body) {
  using Claim = audit_verify::CosignerKey::Cosignature::Claim;
  const auto own = TRY(audit_verify::split_note(checkpoint.note));
  for (const std::string_view line : audit_verify::lines_of(body)) {
    const auto read = key_.check(line, own.text);
    if (read.claim == Claim::Others) continue;
    if (read.claim == Claim::Bad) return unhelpful("its cosignature is not by its key");
    if (read.time > seconds_now() + kMostSecondsAhead) return unhelpful("its clock is ahead");
    known_size_ = checkpoint.head.size;
    cosigned_at_.store(read.time);
    return std::string(line) + "\n";
  }
  return unhelpful("its answer has no cosignature by its key");
}

// More than was ever shown to it by this log is what it saw of a longer one.
Result<void> Cosigner::take_known_size(const cosign::WitnessAnswer& answer) {
  std::uint64_t size = 0;
  const char* const end = answer.body.data() + answer.body.size();
  const auto [stop, error] = std::from_chars(answer.body.data(), end, size);
  const bool whole = error == std::errc() && std::to_string(size) + "\n" == answer.body;
  if (!whole || answer.content_type != kSizeType) return unhelpful(said(answer));
  if (size > shared_.checkpointer->newest().head.size) {
    return look_into_dispute("knows " + std::to_string(size) + " records");
  }
  known_size_ = size;
  return {};
}

// A witness's word alone must not take the service down: what it serves to monitors is signed by
// this service's own key, or it proves nothing.
Error Cosigner::look_into_dispute(const std::string& why) {
  const std::string hash = to_hex(sha256(as_bytes(own_.name())));
  const auto answer = client_->newest_checkpoint(hash);
  const std::string note = answer && answer->status == 200 ? answer->body : std::string();
  const auto shown = audit_verify::open_checkpoint(own_, note);
  if (shown && contradicts(*shown)) {
    raise(Dispute::Proven, why, shown->size, note);
  } else {
    raise(Dispute::Claimed, why, shown ? shown->size : 0, note);
  }
  return Error(Code::FailedPrecondition, "disputes the log: " + why);
}

bool Cosigner::contradicts(const audit_verify::Checkpoint& shown) const {
  if (shown.size > shared_.checkpointer->newest().head.size) return true;
  const auto own = shared_.log->tree().head(shown.size);
  return own && own->root != shown.root;
}

void Cosigner::raise(Dispute dispute, const std::string& why, std::uint64_t size,
                     const std::string& note) {
  if (dispute_.load() >= dispute) return;
  dispute_.store(dispute);
  const bool proven = dispute == Dispute::Proven;
  log_line(Severity::Alert,
           "the witness " + name() + " disputes the audit log: " + why +
               (proven ? "; it holds a checkpoint of " + std::to_string(size) +
                             " records, signed by this service, that this log does not continue: "
                             "the log was rolled back or forked"
                       : "; it proves nothing"));
  audit::Record record = audit::system_record(audit::Event::WitnessDispute);
  record.source = name();
  record.count = size;
  if (proven) record.digest = sha256(as_bytes(note));
  record_event(shared_, record);
  if (!proven) return;
  const auto kept =
      write_file(shared_.log->folder() / Checkpointer::kConflictFile, note, kEvidenceMode);
  if (!kept) log_error(Severity::Error, "the witness's checkpoint is not kept", kept.error());
}

}  // namespace kw::core
