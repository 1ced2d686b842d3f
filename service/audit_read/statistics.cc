// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/statistics.h"

#include <algorithm>

#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::DecodedRecord;
using audit_verify::Field;
using audit_verify::FieldForm;

bool is_intent(const DecodedRecord& record) {
  const Field* phase = record.find("phase");
  return phase != nullptr && phase->word == "intent";
}

bool is_refusal(const DecodedRecord& record) {
  const Field* outcome = record.find("outcome");
  return outcome != nullptr && outcome->word != "ok";
}

std::string json_value(const std::optional<std::string>& value, FieldForm form) {
  if (!value) return "null";
  return form == FieldForm::Number ? *value : audit_verify::json_string(*value);
}

}  // namespace

Result<void> Statistics::add(const DecodedRecord& record) {
  if (is_intent(record)) return {};
  Values values;
  for (const Column& column : by_) {
    const auto field = record.value(column.field.name);
    values.push_back(field ? std::optional(audit_verify::value_of(*field)) : std::nullopt);
  }
  const bool has_any = std::any_of(values.begin(), values.end(),
                                   [](const auto& value) { return value.has_value(); });
  if (!has_any) return {};
  auto found = tallies_.find(values);
  if (found == tallies_.end()) {
    if (tallies_.size() == kMaxGroups) {
      return Error(Code::ResourceExhausted, "more than " + std::to_string(kMaxGroups) +
                                                " groups: count by fewer fields, or filter");
    }
    found = tallies_.emplace(std::move(values), Tally{}).first;
  }
  Tally& tally = found->second;
  const Field* time = record.find("time");
  const std::uint64_t moment = time == nullptr ? 0 : time->number;
  tally.first = tally.records == 0 ? moment : std::min(tally.first, moment);
  tally.last = std::max(tally.last, moment);
  tally.records += 1;
  tally.refused += is_refusal(record) ? 1 : 0;
  return {};
}

std::vector<Statistics::Group> Statistics::groups() const {
  std::vector<Group> groups(tallies_.begin(), tallies_.end());
  std::stable_sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
    return a.second.records > b.second.records;
  });
  return groups;
}

std::vector<std::string> header_of(const std::vector<Column>& by) {
  std::vector<std::string> names;
  names.reserve(by.size() + 4);
  for (const Column& column : by) names.push_back(column.name);
  names.insert(names.end(), {"records", "refused", "first", "last"});
  return names;
}

std::vector<std::string> cells_of(const Statistics::Group& group, const std::vector<Column>& by) {
  const auto& [values, tally] = group;
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < by.size(); ++i) {
    cells.push_back(cell_of(values[i], by[i].field.form));
  }
  cells.insert(cells.end(), {std::to_string(tally.records), std::to_string(tally.refused),
                             audit_verify::utc(tally.first), audit_verify::utc(tally.last)});
  return cells;
}

std::string to_json(const Statistics::Group& group, const std::vector<Column>& by) {
  const auto& [values, tally] = group;
  std::string line = "{";
  for (std::size_t i = 0; i < by.size(); ++i) {
    line += audit_verify::json_string(by[i].field.name) + ":" +
            json_value(values[i], by[i].field.form) + ",";
  }
  line += "\"records\":" + std::to_string(tally.records);
  line += ",\"refused\":" + std::to_string(tally.refused);
  line += ",\"first\":" + audit_verify::json_string(audit_verify::utc(tally.first));
  return line + ",\"last\":" + audit_verify::json_string(audit_verify::utc(tally.last)) + "}";
}

}  // namespace kw::audit_read
