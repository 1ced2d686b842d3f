// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "service/audit_sinks/sink_options.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_sinks {

// A record in one line, without the newline, as `keyward audit export` writes it.
std::string format_record(const audit_verify::DecodedRecord& record, SinkOptions::Format format);

// How much it matters, on the scale of syslog (RFC 5424, table 2): 1 alert to 6 informational.
int syslog_level(const audit_verify::DecodedRecord& record) noexcept;

// "Log audit" of RFC 5424, table 1.
inline constexpr int kSyslogFacility = 13;

}  // namespace kw::audit_sinks
