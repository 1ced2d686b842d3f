// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "service/core/shared.h"

namespace kw::core {

// Tells the operator in which attributes, by name, this token's keys may differ from their
// profiles. Errors: Unavailable.
Result<void> report_deviations(Seat& seat);

// Whether the token has the service key, and which kind it is: that is kept in `shared`.
// Errors: Unavailable (the token is away), Internal (it is of no kind, or stands there twice).
Result<bool> find_service_key(Shared& shared);

// The service key's check value, on a first start. A whole key that is there is taken, never
// destroyed; what a start that was cut short left torn is made anew: a key that derives, or, where
// the token makes none, one that MACs. Errors: those of crypto::create_version.
Result<Bytes> found_service_key(Shared& shared);

}  // namespace kw::core
