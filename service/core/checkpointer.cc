// SPDX-License-Identifier: Apache-2.0
#include "service/core/checkpointer.h"

#include "base/file.h"
#include "base/log.h"
#include "service/core/cure.h"
#include "service/crypto/create.h"
#include "service/crypto/sign.h"
#include "service/crypto/verify.h"

namespace kw::core {
namespace {

constexpr std::string_view kKeySetting = "audit-checkpoint-key";
constexpr std::uint64_t kMostUnsigned = 10'000;
constexpr auto kLateAfter = std::chrono::seconds(10);
constexpr unsigned kMode = 0640;
constexpr auto kUntilSigned = std::chrono::hours(24 * 365);

using NoteKind = audit::NoteKey::Kind;

keys::Key key_of(NoteKind kind) {
  constexpr std::string_view kId = "keyward auditlog";
  static_assert(kId.size() == KeyId::kSize);
  return {.id = KeyId::decode(as_bytes(kId)).value(),
          .name = KeyName::parse("keyward/audit").value(),
          .algorithm =
              keys::find_algorithm(kind == NoteKind::Ed25519 ? "ed25519" : "ecdsa-p256-sha256"),
          .residency = keys::Residency::Token,
          .tags = {},
          .created = {},
          .rotate_every = std::nullopt,
          .versions = {}};
}

CheckpointKey with_public_key(NoteKind kind, Bytes public_key) {
  keys::KeyVersion version;
  version.number = Version{1};
  version.state = keys::State::Enabled;
  audit::NoteKey note_key(kind, public_key);
  version.public_key = std::move(public_key);
  return {key_of(kind), std::move(version), std::move(note_key), false, std::nullopt};
}

Error missing_key() {
  return Error(
      Code::FailedPrecondition,
      "the token does not hold the key that signs the audit log's checkpoints: restore the "
      "token, or bring back the log and the catalog that belong to it");
}

// The key that the token holds for this work, whole; nothing if there is none, or one that was torn
// while it was made.
Result<std::optional<CheckpointKey>> find_whole_key(Seat& seat) {
  for (const NoteKind kind : {NoteKind::Ed25519, NoteKind::Ecdsa}) {
    const Lease bench = TRY(seat.workbench());
    Result<Bytes> found = crypto::whole_public_half(*bench, key_of(kind), Version{1});
    if (found) return std::optional(with_public_key(kind, *std::move(found)));
    const bool other = found.error().code() == Code::Internal || is_absence(found.error());
    if (!other) return std::move(found).error();
    bench->forget(key_of(kind).id);
  }
  return std::optional<CheckpointKey>();
}

// What a start that was cut short left torn has signed nothing.
Result<CheckpointKey> make_key(Seat& seat, NoteKind kind) {
  const Lease bench = TRY(seat.workbench());
  const keys::Key key = key_of(kind);
  TRY(crypto::destroy_version(*bench, key.id, Version{1}));
  crypto::VersionMaterial made = TRY(crypto::create_version(*bench, key, Version{1}));
  TRY(sync_token(seat.shared()));
  return with_public_key(kind, std::move(made.public_key));
}

Result<CheckpointKey> make_key(Seat& seat) {
  Result<CheckpointKey> fresh = make_key(seat, NoteKind::Ed25519);
  if (fresh || fresh.error().code() != Code::Unimplemented) return fresh;
  return make_key(seat, NoteKind::Ecdsa);
}

// The first start: no checkpoint was signed yet. A whole key that is there is taken, never
// destroyed.
Result<CheckpointKey> found_key(Seat& seat, const std::filesystem::path& folder) {
  std::optional<CheckpointKey> key = TRY(find_whole_key(seat));
  if (!key) key = TRY(make_key(seat));
  key->is_new = true;
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  TRY(write_file(folder / Checkpointer::kVerifierKeyFile, key->note_key.verifier_key() + "\n",
                 kMode));
  return *std::move(key);
}

// The setting: the kind, then the public key.
Bytes encode_setting(const CheckpointKey& key) {
  const bool ed25519 = key.key.algorithm->family == keys::Family::Ed25519;
  Bytes bytes{static_cast<std::uint8_t>(ed25519 ? NoteKind::Ed25519 : NoteKind::Ecdsa)};
  append(bytes, key.version.public_key);
  return bytes;
}

Result<CheckpointKey> vouched_key(Seat& seat, const Bytes& setting) {
  if (setting.size() < 2) return Error(Code::Internal, "catalog: no checkpoint key");
  const auto kind = static_cast<NoteKind>(setting.front());
  CheckpointKey key = with_public_key(kind, to_bytes(ByteView(setting).subspan(1)));
  const Lease bench = TRY(seat.workbench());
  const Result<void> same = crypto::verify_version(*bench, key.key, key.version);
  if (same) return key;
  if (is_absence(same.error())) return missing_key();
  return same.error();
}

Result<std::string> read_own(const std::filesystem::path& file) {
  Result<std::string> content = read_file(file);
  if (content || content.error().code() != Code::NotFound) return content;
  return Error(Code::FailedPrecondition,
               file.string() + " is missing: restore it with the log it belongs to");
}

Result<audit::TreeHead> newest_head(const CheckpointKey& key, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / Checkpointer::kCheckpointFile;
  const std::string note = TRY(read_own(file));
  const auto read = audit::read_checkpoint(key.note_key, note);
  if (!read) {
    return Error(Code::FailedPrecondition, file.string() + ": " + read.error().detail());
  }
  if (TRY(crypto::verify_message(*key.key.algorithm, key.version.public_key, as_bytes(read->text),
                                 read->signature, crypto::SignatureEncoding::Der))) {
    return read->head;
  }
  return Error(Code::Internal, file.string() + ": not signed by this service's key");
}

// The key and the newest checkpoint of a log that has them.
Result<CheckpointKey> with_newest_head(CheckpointKey key, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / Checkpointer::kVerifierKeyFile;
  if (TRY(read_own(file)) != key.note_key.verifier_key() + "\n") {
    return Error(Code::FailedPrecondition, file.string() + ": the key of another log");
  }
  key.newest_head = TRY(newest_head(key, folder));
  return key;
}

// A catalog from before it vouched for the key, beside a log that the key has signed: the signature
// says whose it is. The key is adopted and nothing replaced.
Result<CheckpointKey> adopt_key(Seat& seat, const std::filesystem::path& folder) {
  std::optional<CheckpointKey> key = TRY(find_whole_key(seat));
  if (!key) return missing_key();
  key->is_new = true;
  return with_newest_head(*std::move(key), folder);
}

}  // namespace

Result<CheckpointKey> open_checkpoint_key(Seat& seat, const std::filesystem::path& folder) {
  const Result<Bytes> setting = seat.shared().catalog->setting(kKeySetting);
  if (setting) {
    CheckpointKey key = TRY(vouched_key(seat, *setting));
    return with_newest_head(std::move(key), folder);
  }
  const std::filesystem::path file = folder / Checkpointer::kCheckpointFile;
  std::error_code failure;
  const bool is_signed = std::filesystem::exists(file, failure);
  if (failure) return Error(Code::Unavailable, file.string() + ": " + failure.message());
  return is_signed ? adopt_key(seat, folder) : found_key(seat, folder);
}

Result<std::unique_ptr<Checkpointer>> Checkpointer::start(Shared& shared, CheckpointKey key,
                                                          const std::filesystem::path& folder,
                                                          std::chrono::milliseconds every) {
  std::unique_ptr<Checkpointer> made(new Checkpointer(shared, std::move(key), folder, every));
  TRY(made->sign());
  if (made->key_.is_new) {
    TRY(shared.catalog->put_setting(kKeySetting, encode_setting(made->key_)));
  }
  made->thread_ = std::thread([checkpointer = made.get()] { checkpointer->run(); });
  return made;
}

Checkpointer::Checkpointer(Shared& shared, CheckpointKey key, std::filesystem::path folder,
                           std::chrono::milliseconds every)
    : seat_(shared), key_(std::move(key)), folder_(std::move(folder)), every_(every) {}

Checkpointer::~Checkpointer() {
  if (!thread_.joinable()) return;  // closed before, or the first one could not be signed
  (void)close(deadline_in(kUntilSigned));
}

bool Checkpointer::close(Deadline deadline) {
  seat_.shared().log->stop();
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    end_.notify_all();
    const auto has_ended = [this]() KW_REQUIRES(mutex_) { return ended_; };
    if (!end_.wait_until(mutex_, deadline, has_ended)) return false;
  }
  thread_.join();
  return true;
}

Checkpointer::Signed Checkpointer::newest() const {
  const MutexLock lock(mutex_);
  return newest_;
}

Clock::duration Checkpointer::age() const {
  const MutexLock lock(mutex_);
  return Clock::now() - signed_at_;
}

bool Checkpointer::is_late() const {
  const std::uint64_t size = seat_.shared().log->tree().size();
  const MutexLock lock(mutex_);
  return size > newest_.head.size && Clock::now() - signed_at_ > kLateAfter;
}

void Checkpointer::compare_key(Seat& seat) {
  Result<void> same;
  {
    const Result<Lease> bench = seat.workbench();
    if (!bench) return;  // the token is away, which says nothing about the key
    same = crypto::verify_version(**bench, key_.key, key_.version);
  }
  const bool is_missing = !same && is_absence(same.error());
  const bool was_missing = key_is_missing_.exchange(is_missing);
  if (is_missing && !was_missing) {
    log_error(Severity::Alert, "the key that signs checkpoints is gone", same.error());
  }
  if (same || same.error().code() != Code::Internal) return;
  keys::Key key = key_.key;
  key.versions.push_back(key_.version);
  compare_with_token(seat, key);
}

bool Checkpointer::key_is_good() const { return !in_quarantine() && !key_is_missing_.load(); }

bool Checkpointer::in_quarantine() const {
  return seat_.shared().quarantine.holds(key_.key.id, key_.version.number);
}

std::optional<std::string> Checkpointer::trouble() const {
  if (key_is_missing_.load()) {
    return "the key that signs the audit log's checkpoints is gone from the token";
  }
  if (in_quarantine()) {
    return "the key that signs the audit log's checkpoints is not what it was made as";
  }
  if (is_late()) return "the audit log's checkpoint is late";
  return std::nullopt;
}

void Checkpointer::run() {
  sign_while_it_grows();
  wait_for_stop();
  sign_or_say();
  const MutexLock lock(mutex_);
  ended_ = true;
  end_.notify_all();
}

// The log's last record is durable then.
void Checkpointer::wait_for_stop() {
  const MutexLock lock(mutex_);
  const auto has_stopped = [this]() KW_REQUIRES(mutex_) { return stopped_; };
  end_.wait(mutex_, has_stopped);
}

// Half of `every` passes before a signature is made, so that the other half is left for making it.
void Checkpointer::sign_while_it_grows() {
  const audit::Log& log = *seat_.shared().log;
  for (;;) {
    const std::uint64_t size = newest().head.size;
    const bool goes_on = log.wait_for_growth(size, 1, deadline_in(every_)) &&
                         log.wait_for_growth(size, kMostUnsigned, deadline_in(every_ / 2));
    if (!goes_on) return;
    sign_or_say();
  }
}

void Checkpointer::sign_or_say() {
  const Result<void> done = sign();
  if (!done && !failing_) log_error(Severity::Error, "no checkpoint can be signed", done.error());
  failing_ = !done;
}

Result<Bytes> Checkpointer::sign_text(std::string_view text) {
  Lease bench = TRY(seat_.workbench());
  TRY(verify_once(seat_, bench, key_.key, key_.version));
  Result<Bytes> signature = crypto::sign_message(*bench, key_.key, key_.version, as_bytes(text),
                                                 crypto::SignatureEncoding::Der);
  if (!signature) seat_.shared().keeper.report(signature.error());
  return signature;
}

Result<void> Checkpointer::sign() {
  if (in_quarantine()) {
    return Error(Code::Unavailable, "the key that signs checkpoints is in quarantine");
  }
  audit::Log& log = *seat_.shared().log;
  Signed fresh;
  fresh.head = TRY(log.tree().head(log.tree().size()));
  if (fresh.head != newest().head) {
    TRY(log.save_tree());
    const std::string text = audit::checkpoint_text(key_.note_key, fresh.head);
    const Bytes signature = TRY(sign_text(text));
    fresh.note = audit::checkpoint_note(key_.note_key, text, signature);
    fresh.signed_at = Clock::now();
    TRY(write_file(folder_ / kCheckpointFile, fresh.note, kMode));
    const MutexLock lock(mutex_);
    newest_ = std::move(fresh);
  }
  const MutexLock lock(mutex_);
  signed_at_ = Clock::now();
  return {};
}

}  // namespace kw::core
