// SPDX-License-Identifier: Apache-2.0
#include "service/core/backend.h"

#include <optional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "service/audit/segment.h"
#include "service/core/checkpointer.h"
#include "service/core/cosigners.h"
#include "service/core/founding.h"
#include "service/core/healer.h"
#include "service/core/keks.h"
#include "service/core/shared.h"
#include "service/crypto/create.h"
#include "service/crypto/service_mac.h"

namespace kw::core {
namespace {

constexpr auto kSignOfLifeWithin = std::chrono::seconds(5);

pkcs11::Pace::Limits token_pace(const Concurrency& concurrency) {
  return {.symmetric = concurrency.symmetric,
          .asymmetric = concurrency.asymmetric,
          .generate = concurrency.generate};
}

Result<bool> is_there(const std::filesystem::path& path) {
  std::error_code failure;
  const bool there = std::filesystem::exists(path, failure);
  if (failure) return Error(Code::Unavailable, path.string() + ": " + failure.message());
  return there;
}

TokenAccess access_of(BackendOptions& options) {
  return {.module = options.module,
          .parameters = options.module_parameters,
          .uri = options.token_uri,
          .pin = std::move(options.pin),
          .directory = options.token_directory,
          .profile = std::move(options.profile)};
}

// Nobody else is there yet: the epoch is in service at once.
Result<void> log_in(Shared& shared, const TokenAccess& access) {
  TRY(shared.keeper.begin(access, nullptr));
  shared.keeper.admit();
  note_directory(shared, access.directory);
  return {};
}

// Whether a service ran with this audit log. A folder that is not there yet is a first start's.
Result<bool> has_records(const std::filesystem::path& audit_directory) {
  if (!TRY(is_there(audit_directory))) return false;
  const auto segments = TRY(audit::list_segments(audit_directory));
  return !segments.empty();
}

store::MacFunction catalog_mac(Seat& seat) {
  return [&seat](ByteView message) -> Result<Bytes> {
    const Lease bench = TRY(seat.workbench());
    return crypto::service_mac(*bench, seat.shared().service_key(), kServiceKeyVersion,
                               crypto::MacPurpose::Catalog, message);
  };
}

Result<void> remove_marker(const std::filesystem::path& marker) {
  std::error_code failure;
  std::filesystem::remove(marker, failure);
  if (failure) return Error(Code::Unavailable, marker.string() + ": " + failure.message());
  return sync_directory(marker.has_parent_path() ? marker.parent_path() : ".");
}

// The first start on a token, in steps that a start cut short does again: the marker, the service
// key, the catalog with its check value, no marker. Nothing whole is ever removed.
Result<void> found_catalog(Shared& shared, const std::filesystem::path& file,
                           const std::filesystem::path& marker) {
  if (!TRY(is_there(file))) TRY(found_service_key(shared));
  shared.catalog = TRY(store::Catalog::open(file, catalog_mac(*shared.catalog_seat)));
  if (!shared.catalog->setting(kServiceCheck)) {
    const Bytes check = TRY(found_service_key(shared));
    TRY(shared.catalog->put_setting(kServiceCheck, check));
  }
  return remove_marker(marker);
}

// A service key without a catalog, or a catalog without its service key, is a loss that nobody may
// paper over; neither is a first start. The audit log opens only once the catalog stands and the
// marker is gone: beside a log that has records, a missing catalog is a loss, and a marker a lie.
Result<void> open_catalog(Shared& shared, const std::filesystem::path& file,
                          const std::filesystem::path& audit_directory) {
  const std::filesystem::path marker = file.string() + ".founding";
  const bool has_file = TRY(is_there(file));
  const bool has_run = TRY(has_records(audit_directory));
  if (has_run && !has_file) {
    return Error(Code::FailedPrecondition,
                 file.string() + " is missing, but " + audit_directory.string() +
                     " holds the audit log of a service that ran: restore the catalog, "
                     "or use another audit directory with another token");
  }
  if (TRY(is_there(marker))) {
    if (!has_run) return found_catalog(shared, file, marker);
    TRY(remove_marker(marker));
  }
  const bool has_key = TRY(find_service_key(shared));
  if (has_file != has_key) {
    return Error(Code::FailedPrecondition,
                 has_key ? file.string() +
                               " is missing, but the token holds this service's keys: "
                               "restore the catalog, or use another token"
                         : file.string() + " belongs to another token: its service key is missing");
  }
  if (!has_file) {
    TRY(write_file(marker, ""));
    return found_catalog(shared, file, marker);
  }
  shared.catalog = TRY(store::Catalog::open(file, catalog_mac(*shared.catalog_seat)));
  return {};
}

// A log whose signed head it does not hold any more is refused.
Result<void> open_log(Shared& shared, const BackendOptions& options) {
  CheckpointKey key = TRY(open_checkpoint_key(*shared.catalog_seat, options.audit_directory));
  audit::LogOptions log_options;
  log_options.signed_head = key.newest_head;
  log_options.durable_within = options.durable_within;
  shared.log = TRY(audit::Log::open(options.audit_directory, log_options));
  shared.record_reader =
      std::make_unique<audit_verify::RecordReader>(audit_verify::Folders(options.audit_directory));
  shared.checkpointer = TRY(Checkpointer::start(shared, std::move(key), options.audit_directory,
                                                options.checkpoint_every));
  shared.sinks = TRY(audit_sinks::Sinks::start(options.sinks, *shared.log));
  if (options.witnesses.empty()) return {};
  const bool all = options.witness_quorum == 0;
  shared.cosigners = TRY(Cosigners::start(shared, options.witnesses,
                                          all ? options.witnesses.size() : options.witness_quorum));
  return {};
}

// Wrapped keys are compared when they are unwrapped; here only with what they hang on.
Result<void> compare_all(Shared& shared) {
  std::string after;
  for (;;) {
    const auto page = shared.catalog->list_in_token(after, 256);
    if (page.empty()) break;
    for (const auto& key : page) compare_with_token(*shared.catalog_seat, *key);
    after = page.back()->name.text();
  }
  compare_keks(*shared.catalog_seat);
  return {};
}

}  // namespace

Concurrency default_concurrency() noexcept {
  return {.symmetric = 1,
          .asymmetric = std::max(1u, std::thread::hardware_concurrency()),
          .generate = 1};
}

Result<std::unique_ptr<Backend>> Backend::open(BackendOptions options) {
  auto shared =
      std::make_unique<Shared>(token_pace(options.concurrency), PinLatch::beside(options.catalog));
  TokenAccess access = access_of(options);
  TRY(log_in(*shared, access));
  shared->policy_file = options.policy;
  shared->allows_suite_3 = options.allow_suite_3;
  shared->catalog_seat.emplace(*shared);
  TRY(report_deviations(*shared->catalog_seat));
  TRY(open_catalog(*shared, options.catalog, options.audit_directory));
  shared->counts = std::make_unique<MessageCounts>(*shared->catalog, options.counts);
  // It must be the one that the catalog was made with, not one of the same name.
  TRY(prove_token(*shared->catalog_seat));
  TRY(open_log(*shared, options));
  activate_policy(*shared, TRY(read_policy_file(shared->policy_file)));
  TRY(sweep_unfinished(*shared->catalog_seat));
  TRY(compare_all(*shared));
  note_sign_of_life(*shared);
  shared->healer = std::make_unique<Healer>(*shared, std::move(access), options.healer);
  return std::unique_ptr<Backend>(new Backend(std::move(shared)));
}

Backend::Backend(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

Backend::~Backend() = default;

Result<StagedPolicy> Backend::stage_policy() const {
  return StagedPolicy(TRY(read_policy_file(shared_->policy_file)));
}

void Backend::activate(StagedPolicy staged) {
  const std::lock_guard lock(shared_->policy_change);
  activate_policy(*shared_, std::move(staged.policy_));
}

void Backend::note_certificates(const Sha256Digest& digest) {
  audit::Record record = audit::system_record(audit::Event::CertificatesReloaded);
  record.digest = digest;
  record_event(*shared_, record);
}

void Backend::note_token_lost() {
  record_event(*shared_, audit::system_record(audit::Event::TokenLost));
}

bool Backend::close(Deadline deadline) { return shared_->checkpointer->close(deadline); }

bool Backend::token_answers() const {
  const Clock::rep ticks = shared_->token_answered.load();
  const Clock::time_point answered{Clock::duration(ticks)};
  return ticks != 0 && Clock::now() - answered <= kSignOfLifeWithin;
}

std::optional<std::string_view> Backend::token_trouble() const {
  switch (shared_->keeper.state()) {
    case TokenState::Latched:
      return "the token refused the PIN: an operator has to act";
    case TokenState::Open:
    case TokenState::HalfOpen:
      return "the token is out of service until it works again";
    case TokenState::Closed:
    case TokenState::Paused:
      break;
  }
  if (!token_answers()) return "the token does not answer";
  return std::nullopt;
}

Result<void> Backend::renew_token(TokenAccess access, Deadline deadline) {
  return shared_->healer->renew(std::move(access), deadline);
}

Result<void> Backend::revert_token(Deadline deadline) { return shared_->healer->revert(deadline); }

std::vector<std::string> Backend::troubles() const {
  std::vector<std::string> troubles;
  if (const auto trouble = shared_->log->trouble_now()) troubles.push_back(*trouble);
  if (const auto trouble = token_trouble()) troubles.emplace_back(*trouble);
  if (auto trouble = shared_->checkpointer->trouble()) troubles.push_back(*std::move(trouble));
  if (shared_->cosigners != nullptr) {
    if (auto trouble = shared_->cosigners->trouble()) troubles.push_back(*std::move(trouble));
  }
  return troubles;
}

bool Backend::needs_restart() const { return shared_->log->failed_for_good(); }

void Backend::foresee(std::size_t operations) noexcept { shared_->log->foresee(operations); }

void Backend::count_unauthenticated() {
  shared_->unauthenticated.fetch_add(1);
  shared_->meter.unauthenticated.add();
}

void Backend::when_durable(const Receipt& receipt, Task<void(Result<void>)> then) {
  shared_->log->when_durable({receipt.index, receipt.leaf_hash}, std::move(then));
}

}  // namespace kw::core
