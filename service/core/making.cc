// SPDX-License-Identifier: Apache-2.0
#include "service/core/making.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "service/core/keks.h"
#include "service/core/shared.h"
#include "service/crypto/create.h"

namespace kw::core {
namespace {

// Once more, where the token's answer cannot be right.
constexpr int kTries = 2;

// What a failed creation may have left goes at once where that is possible, else when the token is
// back. Yields whether it is gone.
bool undo_creation(Seat& seat, const keys::Key& key, Version version) {
  const Result<void> undone = discard_unfinished(seat, key.id, version);
  if (undone) return true;
  seat.shared().leftovers.add({key.id, key.name, version});
  log_error(Severity::Warning, keys::object_label(key.name, version) + " stays unfinished",
            undone.error());
  return false;
}

Result<crypto::VersionMaterial> make_wrapped(Seat& seat, const keys::Key& key, Version version,
                                             Deadline deadline) {
  const Version kek = TRY(kek_for(seat, *key.algorithm));
  const Lease bench = TRY(seat.workbench(deadline));
  Result<crypto::VersionMaterial> made = crypto::create_wrapped_version(*bench, key, version, kek);
  if (!made) seat.shared().keeper.report(made.error());
  return made;
}

// Nobody knows how far a failed one came.
Result<crypto::VersionMaterial> make_material(Seat& seat, const keys::Key& key, Version version,
                                              Deadline deadline) {
  Shared& shared = seat.shared();
  const Turn creation(shared.creation, deadline);
  if (!creation) return Error(Code::Unavailable, "another key is being made, which takes long");
  if (key.residency == keys::Residency::Wrapped) return make_wrapped(seat, key, version, deadline);
  const Lease bench = TRY(seat.workbench(deadline));
  Result<crypto::VersionMaterial> made = crypto::create_version(*bench, key, version);
  if (!made) shared.keeper.report(made.error());
  if (!made) return made;
  bench.epoch().note_verified(key.id, version);
  TRY(sync_token(shared));
  return made;
}

// It may be the token's hazard, not a fault for good: once what it left is gone, a try may succeed.
Error not_gone(const Error& odd) {
  return Error(Code::Unavailable, "what a failed making left is not gone: " + odd.detail(),
               odd.rv());
}

// SoftHSM, asked by two threads, at times takes an object just made for another one: it fails, or
// what it shows is not what was made. Once that is gone for certain it is made anew. `begin` puts
// the version's row into the catalog.
Result<crypto::VersionMaterial> make_for_certain(Seat& seat, const keys::Key& key, Version version,
                                                 const std::function<Result<void>()>& begin,
                                                 Deadline deadline) {
  for (int tries = 1;; ++tries) {
    TRY(begin());
    Result<crypto::VersionMaterial> made = make_material(seat, key, version, deadline);
    if (made) return made;
    const bool is_gone = undo_creation(seat, key, version);
    const bool is_odd = made.error().code() == Code::Internal;
    if (is_odd && !is_gone) return not_gone(made.error());
    if (!is_odd || tries == kTries) return made;
    log_error(Severity::Warning, keys::object_label(key.name, version) + " is made once more",
              made.error());
  }
}

// Material of which the catalog is in doubt is kept: the row on disk, read at the next start, says
// whether it counts.
Result<KeyView> make_and_publish(Seat& seat, const keys::Key& key, keys::KeyVersion version,
                                 const std::function<Result<void>()>& begin, Deadline deadline) {
  TRY(discard_leftovers(seat, &key.name, deadline));
  crypto::VersionMaterial made = TRY(make_for_certain(seat, key, version.number, begin, deadline));
  version.public_key = std::move(made.public_key);
  version.check = std::move(made.check);
  version.wrapped = std::move(made.wrapped);
  version.kek = made.kek;
  Result<void> published = seat.shared().catalog->publish(key.id, version);
  if (!published) {
    if (!seat.shared().catalog->is_in_doubt()) (void)undo_creation(seat, key, version.number);
    return std::move(published).error();
  }
  seat.shared().changes.add(key.id);
  return seat.shared().catalog->find(key.id);
}

}  // namespace

keys::KeyVersion fresh_version(std::uint32_t number) {
  keys::KeyVersion version;
  version.number = Version{number};
  version.created = wall_now();
  return version;
}

keys::KeyVersion next_version(const keys::Key& key) {
  return fresh_version(to_number(key.versions.back().number) + 1);
}

Result<void> check_offered(const Shared& shared, const keys::Algorithm& algorithm) {
  const std::optional<std::string> refused = shared.keeper.refusal_of(algorithm.name);
  if (!refused) return {};
  return refusal(Code::Unimplemented, "algorithm: this token cannot do " +
                                          std::string(algorithm.name) + ": " + *refused);
}

Result<KeyView> make_new_key(Seat& seat, const keys::Key& key, Deadline deadline) {
  const auto begin = [&] { return seat.shared().catalog->begin_key(key); };
  return make_and_publish(seat, key, key.versions.back(), begin, deadline);
}

Result<KeyView> make_new_version(Seat& seat, const keys::Key& key, const keys::KeyVersion& version,
                                 Deadline deadline) {
  const auto begin = [&] { return seat.shared().catalog->begin_version(key.id, version); };
  return make_and_publish(seat, key, version, begin, deadline);
}

}  // namespace kw::core
