// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// Weight says how much a record matters to who watches a log, by its outcome or its event.
enum class Weight {
  Routine,  // it went as it should
  Refused,  // the request was at fault, or too much
  Denied,   // somebody may not do what they tried
  Failed,   // the service or its token could not
  Alarm,    // a key's object is not what it was made as
};

Weight weight_of(const audit_verify::DecodedRecord& record) noexcept;

// The same on the scale of CEF (0 to 10) and of OCSF (severity_id).
int cef_severity(Weight weight) noexcept;
int ocsf_severity(Weight weight) noexcept;

}  // namespace kw::audit_read
