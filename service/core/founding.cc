// SPDX-License-Identifier: Apache-2.0
#include "service/core/founding.h"

#include <array>

#include "base/log.h"
#include "pkcs11/family.h"
#include "service/crypto/create.h"

namespace kw::core {
namespace {

constexpr std::array kKinds{ServiceKeyKind::Deriving, ServiceKeyKind::Macing};

// Unavailable without a CK_RV is a key's absence, not the token's.
bool is_absence(const Error& error) { return error.code() == Code::Unavailable && error.rv() == 0; }

bool is_torn(const Error& error) { return error.code() == Code::Internal; }

// The check value of the key as one of either kind, which is kept in `shared`. The error is that of
// the first kind: of a key that is of neither, the common one says what is wrong.
Result<Bytes> check_as_either(Shared& shared) {
  std::optional<Error> failure;
  for (const ServiceKeyKind kind : kKinds) {
    crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
    bench->forget(service_key(kind).id);
    Result<Bytes> whole = crypto::check_value(*bench, service_key(kind), kServiceKeyVersion);
    if (whole) {
      shared.service_key_kind = kind;
      return whole;
    }
    if (!failure) failure.emplace(whole.error());
    if (!is_torn(whole.error())) break;
  }
  return *std::move(failure);
}

Result<crypto::VersionMaterial> make_service_key(Shared& shared, ServiceKeyKind kind) {
  crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
  auto made = crypto::create_version(*bench, service_key(kind), kServiceKeyVersion);
  if (made) shared.service_key_kind = kind;
  return made;
}

Result<crypto::VersionMaterial> make_service_key(Shared& shared) {
  auto deriving = make_service_key(shared, ServiceKeyKind::Deriving);
  if (deriving || deriving.error().code() != Code::Unimplemented) return deriving;
  log_line(Severity::Info, "the token derives no keys: the service key is one that MACs");
  return make_service_key(shared, ServiceKeyKind::Macing);
}

}  // namespace

void report_deviations(const pkcs11::Module& module) {
  const pkcs11::Family family = pkcs11::family_of(module.identity());
  std::string names;
  for (const pkcs11::Deviation& each : pkcs11::deviations(family)) {
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  }
  if (names.empty()) return;
  log_line(Severity::Notice, "token of the family " + std::string(to_text(family)) +
                                 ": its keys differ from their profiles in " + names +
                                 " (docs/tpm.md)");
}

Result<bool> find_service_key(Shared& shared) {
  std::optional<Error> failure;
  for (const ServiceKeyKind kind : kKinds) {
    crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
    const keys::Key& key = service_key(kind);
    const auto handle = bench->keyring().find(key.id, kServiceKeyVersion, *key.algorithm);
    if (handle) {
      shared.service_key_kind = kind;
      return true;
    }
    if (is_absence(handle.error())) return false;
    if (!failure) failure.emplace(handle.error());
    if (!is_torn(handle.error())) break;
  }
  return *std::move(failure);
}

Result<Bytes> found_service_key(Shared& shared) {
  Result<Bytes> whole = check_as_either(shared);
  if (whole) return whole;
  if (!is_torn(whole.error()) && !is_absence(whole.error())) return whole;
  crypto::Workbench* const bench = TRY(shared.catalog_seat->workbench());
  TRY(crypto::destroy_version(*bench, service_key(shared.service_key_kind).id, kServiceKeyVersion));
  crypto::VersionMaterial made = TRY(make_service_key(shared));
  TRY(sync_token(shared));
  return std::move(made.check);
}

}  // namespace kw::core
