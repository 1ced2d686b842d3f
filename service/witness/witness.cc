// SPDX-License-Identifier: Apache-2.0
#include "service/witness/witness.h"

#include "base/clock.h"
#include "base/log.h"
#include "service/audit_verify/proof.h"

namespace kw::witness {
namespace {

using audit_verify::Checkpoint;
using Claim = audit_verify::VerifierKey::Claim;

constexpr const char* kText = "text/plain; charset=utf-8";

Verdict refuse(int status, const std::string& why) { return {status, kText, why + "\n"}; }

std::uint64_t system_time() {
  const auto now = wall_now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

// A log that is caught is worth a line: the request may be the only proof that there will be.
Verdict caught(const KnownLog& log, const Checkpoint& known, const AddCheckpoint& request,
               const std::string& why) {
  log_line(Severity::Alert, "the log " + log.origin + " shows " +
                                std::to_string(request.checkpoint.size) + " records, root " +
                                to_base64(request.checkpoint.root) +
                                ", which do not continue the " + std::to_string(known.size) +
                                " known here, root " + to_base64(known.root) + ": " + why);
  return refuse(422, why);
}

}  // namespace

Witness::Witness(CosigningKey key, audit_verify::CosignerKey own, State state,
                 std::function<std::uint64_t()> time)
    : key_(std::move(key)),
      own_(std::move(own)),
      time_(time ? std::move(time) : system_time),
      state_(std::move(state)) {}

Result<std::unique_ptr<Witness>> Witness::open(const WitnessOptions& options) {
  if (options.logs.empty()) return Error(Code::InvalidArgument, "a witness needs a log: --log");
  State state = TRY(State::open(options.folder));
  CosigningKey key = TRY(CosigningKey::open(options.folder, options.name));
  const std::string vkey = key.verifier_key();
  audit_verify::CosignerKey own = TRY(audit_verify::CosignerKey::parse(vkey));
  std::unique_ptr<Witness> made(
      new Witness(std::move(key), std::move(own), std::move(state), options.time));
  for (const std::string& log : options.logs) TRY(made->add_log(log));
  const MutexLock lock(made->mutex_);
  for (const auto& [origin, log] : made->logs_) TRY(made->state_.head(log, made->own_));
  return made;
}

Result<void> Witness::add_log(const std::string& text) {
  audit_verify::VerifierKey key = TRY(audit_verify::VerifierKey::parse(text));
  KnownLog& log = logs_[key.name()];
  log.origin = key.name();
  log.keys.push_back(std::move(key));
  return {};
}

Verdict Witness::add_checkpoint(std::string_view body) {
  const Result<AddCheckpoint> request = parse_add_checkpoint(body);
  if (!request) return refuse(400, request.error().advice());
  const auto log = logs_.find(request->checkpoint.origin);
  if (log == logs_.end()) return refuse(404, "unknown log");
  switch (log->second.check(request->note)) {
    case Claim::Others:
      return refuse(403, "no signature by a key that is known for this log");
    case Claim::Bad:
      return refuse(403, "invalid signature");
    case Claim::Good:
      break;
  }
  const MutexLock lock(mutex_);
  return judge(log->second, *request);
}

Verdict Witness::judge(const KnownLog& log, const AddCheckpoint& request) {
  const Checkpoint shown{request.checkpoint.size, request.checkpoint.root};
  if (request.old_size > shown.size) return refuse(400, "the old size is larger than the new one");
  const Result<Checkpoint> known = state_.head(log, own_);
  if (!known) {
    log_error(Severity::Error, "a log's state cannot be read", known.error());
    return refuse(503, "try again later");
  }
  if (request.old_size != known->size) {
    return {409, "text/x.tlog.size", std::to_string(known->size) + "\n"};
  }
  if (shown.size == 0 && shown.root != sha256({})) {
    return caught(log, *known, request, "an empty log has another root hash");
  }
  const Result<void> grown = audit_verify::check_consistency(*known, shown, request.proof);
  if (!grown) return caught(log, *known, request, "consistency proof: " + grown.error().detail());
  return cosign(log, request);
}

Verdict Witness::cosign(const KnownLog& log, const AddCheckpoint& request) {
  const std::string line = key_.cosign(request.note.text, time_());
  std::string note = std::string(request.note.text) + "\n";
  for (const std::string_view signature : request.note.signatures) {
    audit_verify::SignedNote alone{request.note.text, {signature}};
    if (log.check(alone) == Claim::Good) note += std::string(signature) + "\n";
  }
  const Result<void> kept = state_.put(origin_hash(log.origin), note + line);
  if (kept) return {200, kText, line};
  log_error(Severity::Error, "a checkpoint cannot be kept, and is not cosigned", kept.error());
  return refuse(503, "try again later");
}

Verdict Witness::newest_checkpoint(const std::string& hash) const {
  const MutexLock lock(mutex_);
  for (const auto& [origin, log] : logs_) {
    if (origin_hash(origin) != hash) continue;
    const auto note = state_.find(hash);
    if (!note) return refuse(503, "try again later");
    if (*note) return {200, kText, **note};
  }
  return refuse(404, "no such checkpoint");
}

}  // namespace kw::witness
