// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw::pkcs11 {

// RvClass says which cure a CK_RV calls for.
enum class RvClass {
  Success,
  Caller,   // the request is at fault: refuse it
  Session,  // drop the session, try once on another
  Handle,   // find the object again, once
  Pool,     // no session to be had: wait or shed
  Login,    // log in again
  Latch,    // the PIN was refused: stop until an operator clears it
  Module,   // drain, finalize, initialize, verify every key
  Host,     // this machine is short of something: shed
  Fixed,    // it will never work: our bug or a changed token; never retry
  Unknown,  // vendor codes, and codes that no table lists
};

enum class SessionFate { Keep, Drop };

// ReturnValue is what the one table says of a CK_RV.
struct ReturnValue {
  unsigned long value;
  std::string_view name;
  RvClass rv_class;
  Code code;
  SessionFate fate;
};

// The table's row; for a code it does not list, class Unknown with the name "CKR_(unknown)".
ReturnValue describe(unsigned long rv) noexcept;

// The row of a name such as "CKR_DEVICE_ERROR".
std::optional<ReturnValue> find_return_value(std::string_view name) noexcept;

// Every row, CKR_OK among them: for who goes through all that a token may answer.
std::vector<ReturnValue> all_return_values();

// The class of the CK_RV behind an error; Unknown where no CK_RV is behind it.
RvClass rv_class(const Error& error) noexcept;

// Whether a decrypt that ended so may be the caller's fault as well as the token's. SoftHSM answers
// CKR_GENERAL_ERROR to a wrong tag; only a known-answer probe tells the two apart.
bool is_ambiguous_on_decrypt(const Error& error) noexcept;

// The Error of a failed call, with the detail "FUNCTION: CKR_NAME" and the CK_RV.
Error fail(unsigned long rv, std::string_view function, const char* file = __builtin_FILE(),
           int line = __builtin_LINE());

}  // namespace kw::pkcs11
