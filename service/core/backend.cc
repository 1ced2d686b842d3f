// SPDX-License-Identifier: Apache-2.0
#include "service/core/backend.h"

#include <optional>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "pkcs11/return_value.h"
#include "pkcs11/token_folder.h"
#include "pkcs11/uri.h"
#include "service/audit/segment.h"
#include "service/core/checkpointer.h"
#include "service/core/shared.h"
#include "service/crypto/create.h"
#include "service/crypto/service_mac.h"

namespace kw::core {
namespace {

constexpr std::string_view kServiceCheck = "service-key-check";
constexpr auto kSignOfLifeWithin = std::chrono::seconds(5);

// SoftHSM's locks make symmetric work slower on two threads than on one; RSA and EC scale.
pkcs11::Pace::Limits token_pace() {
  return {.symmetric = 1, .asymmetric = std::max(1u, std::thread::hardware_concurrency())};
}

Result<bool> is_there(const std::filesystem::path& path) {
  std::error_code failure;
  const bool there = std::filesystem::exists(path, failure);
  if (failure) return Error(Code::Unavailable, path.string() + ": " + failure.message());
  return there;
}

Result<std::unique_ptr<pkcs11::Token>> log_in(const BackendOptions& options) {
  const pkcs11::TokenUri uri = TRY(pkcs11::TokenUri::parse(options.token_uri));
  std::optional<pkcs11::TokenFolder> guard;
  if (options.token_directory) guard = TRY(pkcs11::TokenFolder::guard(*options.token_directory));
  auto module = TRY(pkcs11::Module::load(options.module));
  return pkcs11::Token::open(std::move(module), uri, options.pin);
}

// Whether a service ran with this audit log. A folder that is not there yet is a first start's.
Result<bool> has_records(const std::filesystem::path& audit_directory) {
  if (!TRY(is_there(audit_directory))) return false;
  const auto segments = TRY(audit::list_segments(audit_directory));
  return !segments.empty();
}

// Whether the token has the service key. Unavailable without a CK_RV is its absence.
Result<bool> has_service_key(Seat& seat) {
  crypto::Workbench* const bench = TRY(seat.workbench());
  const auto handle =
      bench->keyring().find(service_key().id, kServiceKeyVersion, *service_key().algorithm);
  if (handle) return true;
  if (handle.error().code() == Code::Unavailable && handle.error().rv() == 0) return false;
  return handle.error();
}

store::MacFunction catalog_mac(Seat& seat) {
  return [&seat](ByteView message) -> Result<Bytes> {
    crypto::Workbench* const bench = TRY(seat.workbench());
    return crypto::service_mac(*bench, service_key().id, kServiceKeyVersion,
                               crypto::MacPurpose::Catalog, message);
  };
}

// The service key's check value. A whole key that is there is taken, never destroyed; what a start
// that was cut short left torn is made anew.
Result<Bytes> found_service_key(Shared& shared) {
  crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
  Result<Bytes> whole = crypto::check_value(*bench, service_key(), kServiceKeyVersion);
  if (whole) return whole;
  const bool torn = whole.error().code() == Code::Internal;
  const bool absent = whole.error().code() == Code::Unavailable && whole.error().rv() == 0;
  if (!torn && !absent) return whole;
  TRY(crypto::destroy_version(*bench, service_key().id, kServiceKeyVersion));
  crypto::VersionMaterial made =
      TRY(crypto::create_version(*bench, service_key(), kServiceKeyVersion));
  TRY(sync_token(shared));
  return std::move(made.check);
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
  const bool has_key = TRY(has_service_key(*shared.catalog_seat));
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

// The service key must be the one that the catalog was made with, not one of the same name.
Result<void> check_service_key(Shared& shared) {
  keys::KeyVersion version;
  version.number = kServiceKeyVersion;
  version.state = keys::State::Enabled;
  version.check = TRY(shared.catalog->setting(kServiceCheck));
  crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
  return crypto::verify_version(*bench, service_key(), version);
}

// A log whose signed head it does not hold any more is refused.
Result<void> open_log(Shared& shared, const BackendOptions& options) {
  CheckpointKey key = TRY(open_checkpoint_key(*shared.catalog_seat, options.audit_directory));
  audit::LogOptions log_options;
  log_options.signed_head = key.newest_head;
  log_options.durable_within = options.durable_within;
  shared.log = TRY(audit::Log::open(options.audit_directory, log_options));
  shared.checkpointer = TRY(Checkpointer::start(shared, std::move(key), options.audit_directory,
                                                options.checkpoint_every));
  shared.sinks = TRY(audit_sinks::Sinks::start(options.sinks, *shared.log));
  return {};
}

Result<void> compare_all(Shared& shared) {
  std::string after;
  for (;;) {
    const auto page = shared.catalog->list("", after, 256);
    if (page.empty()) return {};
    for (const auto& key : page) compare_with_token(*shared.catalog_seat, *key);
    after = page.back()->name.text();
  }
}

}  // namespace

Result<std::unique_ptr<Backend>> Backend::open(BackendOptions options) {
  auto shared = std::make_unique<Shared>(token_pace());
  shared->token = TRY(log_in(options));
  options.pin = Secret();
  shared->token_directory = options.token_directory;
  shared->policy_file = options.policy;
  shared->catalog_seat.emplace(*shared);
  TRY(open_catalog(*shared, options.catalog, options.audit_directory));
  TRY(check_service_key(*shared));
  TRY(open_log(*shared, options));
  activate_policy(*shared, TRY(read_policy_file(shared->policy_file)));
  TRY(sweep_unfinished(*shared->catalog_seat));
  TRY(compare_all(*shared));
  note_sign_of_life(*shared);
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

bool Backend::token_answers() const {
  const Clock::rep ticks = shared_->token_answered.load();
  const Clock::time_point answered{Clock::duration(ticks)};
  return ticks != 0 && Clock::now() - answered <= kSignOfLifeWithin;
}

std::vector<std::string> Backend::troubles() const {
  std::vector<std::string> troubles;
  if (const auto trouble = shared_->log->trouble_now()) troubles.push_back(*trouble);
  if (!token_answers()) troubles.emplace_back("the token does not answer");
  if (shared_->checkpointer->is_late()) {
    troubles.emplace_back("the audit log's checkpoint is late");
  }
  return troubles;
}

bool Backend::needs_restart() const { return shared_->log->failed_for_good(); }

void Backend::count_unauthenticated() {
  shared_->unauthenticated.fetch_add(1);
  shared_->meter.unauthenticated.add();
}

void Backend::when_durable(const Receipt& receipt, Task<void(Result<void>)> then) {
  shared_->log->when_durable({receipt.index, receipt.leaf_hash}, std::move(then));
}

}  // namespace kw::core
