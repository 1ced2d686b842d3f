// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"

namespace kw::core {

// Cure is what the service does about a failed token call, beside answering it. The class of each
// CK_RV stands in pkcs11/return_value; docs/operations.md draws the table.
enum class Cure {
  Nothing,       // the request's own fault
  OtherSession,  // this session is lost: once more on another
  FindAgain,   // the handle is lost: find the object again, compare it with the catalog, once more
  LogIn,       // the login is lost: one thread logs in, the others wait, then once more
  Stop,        // the PIN was refused: nobody tries it again until an operator says so
  Examine,     // the token may be gone: a known answer tells, and a new epoch mends
  Count,       // nobody knows: a known answer, and a new epoch only when it gathers
  Shed,        // short of something: refuse and go on
  Quarantine,  // this key cannot work: it alone is put aside
};

Cure cure_of(const Error& error);

// Whether the same work may succeed when it is done again at once. Never asked for what makes or
// destroys an object of the token: nobody knows how far that came.
bool may_work_again(Cure cure);

// Whether the token said, without an error, that a key is not there. A key of the catalog is: an
// outage, not an answer.
bool is_absence(const Error& error);

}  // namespace kw::core
