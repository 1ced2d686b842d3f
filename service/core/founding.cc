// SPDX-License-Identifier: Apache-2.0
#include "service/core/founding.h"

#include <array>

#include "base/log.h"
#include "pkcs11/family.h"
#include "service/core/cure.h"
#include "service/crypto/create.h"

namespace kw::core {
namespace {

constexpr std::array kServiceKeyKinds{ServiceKeyKind::Deriving, ServiceKeyKind::Macing};

bool is_torn(const Error& error) { return error.code() == Code::Internal; }

// The check value of the key as one of either kind, which is kept in `shared`. The error is that of
// the first kind: of a key that is of neither, the common one says what is wrong.
Result<Bytes> check_as_either(Shared& shared, crypto::Workbench& bench) {
  std::optional<Error> failure;
  for (const ServiceKeyKind kind : kServiceKeyKinds) {
    const keys::Key& key = service_key(kind);
    bench.forget(key.id);
    Result<Bytes> whole = crypto::check_value(bench, key, kServiceKeyVersion);
    if (whole) {
      shared.service_key_kind = kind;
      return whole;
    }
    if (!failure) failure.emplace(whole.error());
    if (!is_torn(whole.error())) break;
  }
  return *std::move(failure);
}

Result<crypto::VersionMaterial> make_as(Shared& shared, crypto::Workbench& bench,
                                        ServiceKeyKind kind) {
  auto made = crypto::create_version(bench, service_key(kind), kServiceKeyVersion);
  if (made) shared.service_key_kind = kind;
  return made;
}

Result<crypto::VersionMaterial> make_service_key(Shared& shared, crypto::Workbench& bench) {
  auto deriving = make_as(shared, bench, ServiceKeyKind::Deriving);
  if (deriving || deriving.error().code() != Code::Unimplemented) return deriving;
  log_line(Severity::Info, "the token derives no keys: the service key is one that MACs");
  return make_as(shared, bench, ServiceKeyKind::Macing);
}

}  // namespace

Result<void> report_deviations(Seat& seat) {
  const Lease bench = TRY(seat.workbench());
  const pkcs11::Family family = bench->family();
  std::string names;
  for (const pkcs11::Deviation& each : pkcs11::deviations(family)) {
    names += (names.empty() ? "" : ", ") + std::string(each.name);
  }
  if (names.empty()) return {};
  log_line(Severity::Notice, "token of the family " + std::string(to_text(family)) +
                                 ": its keys differ from their profiles in " + names +
                                 " (docs/tpm.md)");
  return {};
}

Result<bool> find_service_key(Shared& shared) {
  const Lease bench = TRY(shared.catalog_seat->workbench());
  std::optional<Error> failure;
  for (const ServiceKeyKind kind : kServiceKeyKinds) {
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
  const Lease bench = TRY(shared.catalog_seat->workbench());
  Result<Bytes> whole = check_as_either(shared, *bench);
  if (whole) return whole;
  if (!is_torn(whole.error()) && !is_absence(whole.error())) return whole;
  TRY(crypto::destroy_version(*bench, service_key(shared.service_key_kind).id, kServiceKeyVersion));
  crypto::VersionMaterial made = TRY(make_service_key(shared, *bench));
  TRY(sync_token(shared));
  return std::move(made.check);
}

}  // namespace kw::core
