// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "service/audit_read/column.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// Tally counts the records of one group.
struct Tally {
  std::uint64_t records = 0;
  std::uint64_t refused = 0;  // with an outcome that is not ok
  std::uint64_t first = 0;    // the lowest time, microseconds
  std::uint64_t last = 0;     // the highest
};

// Statistics counts records by the values that they have in some fields. Memory grows with the
// groups, not with the records. Left out are intents, whose outcome has a record of its own, and
// records that have none of the fields.
class Statistics {
 public:
  using Values = std::vector<std::optional<std::string>>;  // bare, one a column
  using Group = std::pair<Values, Tally>;

  static constexpr std::size_t kMaxGroups = 100'000;

  explicit Statistics(std::vector<Column> by) : by_(std::move(by)) {}

  // Errors: ResourceExhausted (one group more than kMaxGroups).
  Result<void> add(const audit_verify::DecodedRecord& record);

  // The groups, those with most records first, then by their values.
  std::vector<Group> groups() const;

  const std::vector<Column>& by() const noexcept { return by_; }

 private:
  std::vector<Column> by_;
  std::map<Values, Tally> tallies_;
};

// The names and the cells of a group in a table, and the group as a JSON object in one line,
// without the newline.
std::vector<std::string> header_of(const std::vector<Column>& by);
std::vector<std::string> cells_of(const Statistics::Group& group, const std::vector<Column>& by);
std::string to_json(const Statistics::Group& group, const std::vector<Column>& by);

}  // namespace kw::audit_read
