// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// A record as one line of ArcSight's Common Event Format, version 0, without the newline; the
// mapping is that of docs/audit-reading.md, and every field is in it.
std::string to_cef(const audit_verify::DecodedRecord& record);

// The format's escaping of a header's field and of an extension's value. What it has no escape for
// and what may act on a terminal is spelled as in text lines, the backslash escaped.
std::string cef_header(std::string_view text);
std::string cef_value(std::string_view text);

}  // namespace kw::audit_read
