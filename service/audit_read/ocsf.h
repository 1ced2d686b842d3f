// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// A record as one event of the Open Cybersecurity Schema Framework, schema 1.3.0, a JSON object in
// one line without the newline: API Activity (6003) for operations, Application Lifecycle (6002)
// for what the service itself did. The mapping is that of docs/audit-reading.md, and every field is
// in it.
std::string to_ocsf(const audit_verify::DecodedRecord& record);

}  // namespace kw::audit_read
