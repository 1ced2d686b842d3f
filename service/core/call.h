// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/names.h"
#include "service/identity/caller.h"

namespace kw::core {

// Call says on whose behalf the door acts: one request of one proven caller. Every operation takes
// one first, so that no operation exists for nobody.
struct Call {
  std::shared_ptr<const identity::Caller> caller;  // never null
  RequestId id;
  std::string source;  // the peer's address, never taken from a header
  Clock::time_point started;
  Deadline deadline;
};

}  // namespace kw::core
