// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/column.h"

#include <algorithm>

#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::FieldForm;
using audit_verify::FieldInfo;

}  // namespace

const FieldInfo* find_field(std::string_view name) noexcept {
  if (name == "op") name = "operation";
  const auto& fields = audit_verify::all_fields();
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const FieldInfo& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

Result<std::vector<Column>> parse_columns(std::string_view text) {
  std::vector<Column> columns;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view name = text.substr(at, comma - at);
    const FieldInfo* field = find_field(name);
    const std::string shown = '"' + audit_verify::escape_for_terminal(name) + '"';
    if (field == nullptr) return Error(Code::InvalidArgument, "no field is called " + shown);
    const bool twice = std::any_of(columns.begin(), columns.end(), [field](const Column& column) {
      return column.field.name == field->name;
    });
    if (twice) return Error(Code::InvalidArgument, "the field " + shown + " twice");
    columns.push_back({std::string(name), *field});
    at = comma + 1;
  }
  return columns;
}

std::string cell_of(const std::optional<std::string>& value, FieldForm form) {
  if (!value) return "-";
  return form == FieldForm::Text ? audit_verify::escape_for_terminal(*value) : *value;
}

std::string cell_of(const audit_verify::DecodedRecord& record, const Column& column) {
  const auto field = record.value(column.field.name);
  return cell_of(field ? std::optional(audit_verify::value_of(*field)) : std::nullopt,
                 column.field.form);
}

}  // namespace kw::audit_read
