// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "service/core/messages.h"
#include "service/core/seat.h"

// How a key comes to be, and each version of it: its row first, then its material in the token,
// then the row is published. What failed in between is undone, at once or when the token is back.
namespace kw::core {

// A version of that number; the one after a key's last.
keys::KeyVersion fresh_version(std::uint32_t number);
keys::KeyVersion next_version(const keys::Key& key);

// What the token's profile says it cannot do is refused before anything is written or tried.
Result<void> check_offered(const Shared& shared, const keys::Algorithm& algorithm);

// Makes a key, with its one version, or another version of one. Intended on record by then. Errors:
// Unavailable; Unimplemented (the token cannot make it); Internal.
Result<KeyView> make_new_key(Seat& seat, const keys::Key& key, Deadline deadline);
Result<KeyView> make_new_version(Seat& seat, const keys::Key& key, const keys::KeyVersion& version,
                                 Deadline deadline);

}  // namespace kw::core
