// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// The field of docs/audit-format.md that a person means; `op` is short for `operation`. Null if
// there is none.
const audit_verify::FieldInfo* find_field(std::string_view name) noexcept;

// Column is one field of a table, under the name that it was asked for by.
struct Column {
  std::string name;
  audit_verify::FieldInfo field;
};

// Takes "time,caller,op". Errors: InvalidArgument (no such field, one twice, none at all), naming
// it.
Result<std::vector<Column>> parse_columns(std::string_view text);

// The field's value as one cell of a table: nothing in it acts on a terminal or ends the cell. A
// field that the record does not have is "-".
std::string cell_of(const audit_verify::DecodedRecord& record, const Column& column);
std::string cell_of(const std::optional<std::string>& value, audit_verify::FieldForm form);

}  // namespace kw::audit_read
