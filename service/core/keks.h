// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "service/core/shared.h"

// The key-encrypting keys that the catalog vouches for. Each is made when the first key of its kind
// is wrapped, and its canary (service/crypto/kek.h) is kept as a setting.
namespace kw::core {

// The version of its KEK that a new version of a wrapped key of this algorithm gets: the newest
// that the catalog vouches for, else a fresh one. One that the catalog vouches for and the token
// does not show is an outage, never a reason to make another. A start that was cut short leaves at
// most a KEK that wrapped nothing that counts: it is made anew. Errors: Unavailable, Unimplemented,
// Internal.
Result<Version> kek_for(Seat& seat, const keys::Algorithm& algorithm);

// The key of this id: the catalog's, or a KEK with the versions that the catalog vouches for. Null
// if there is none.
std::shared_ptr<const keys::Key> find_key_or_kek(const store::Catalog& catalog, const KeyId& id);

// Compares every KEK with its profile, its templates and its canary; one that differs goes into
// quarantine, on record, and with it all that it wrapped.
void compare_keks(Seat& seat);

}  // namespace kw::core
