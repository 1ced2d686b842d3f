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

}  // namespace kw::audit_verify
