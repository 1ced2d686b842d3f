// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "service/audit_verify/decoded_record.h"

namespace kw::audit_verify {

// One line for a terminal, without the newline. No control character, no character that reorders a
// line and no malformed UTF-8 gets through: those are shown as \xNN or \u{NNNN}.
std::string to_text(const DecodedRecord& record);

// One JSON object in one line, without the newline. Bytes that are not UTF-8 are shown as \xNN.
std::string to_json(const DecodedRecord& record);

// The escaping of to_text.
std::string escape_for_terminal(std::string_view text);

// The escaping of to_json, with the quotation marks around it.
std::string json_string(std::string_view text);

// A field's bare value: numbers in decimal, hashes in hexadecimal, times as RFC 3339, text as it
// was stored, which may hold anything.
std::string value_of(const Field& field);

// A time of day in UTC as RFC 3339, with microseconds. A time behind the year 9999 is a number.
std::string utc(std::uint64_t microseconds);

}  // namespace kw::audit_verify
