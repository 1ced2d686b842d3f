// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "base/clock.h"
#include "service/audit/record.h"

namespace kw::audit {

// Trouble is a time in which the log gives no answer free.
struct Trouble {
  Reason reason = Reason::None;  // the first of them
  WallTime began;
  std::uint64_t first = 0;     // the answers of the records from here
  std::uint64_t end = 0;       // to here were withheld
  std::uint64_t refused = 0;   // records that got no place
  std::uint64_t recorded = 0;  // once it is over: one behind the record that says so

  bool operator==(const Trouble&) const = default;
};

// What is put on record of it. `there` is how many records the log has: what a crash took away was
// no record.
Record record_of(const Trouble& trouble, std::uint64_t there);

// Why the log is in trouble, by the code of a SegmentFile's error.
Reason reason_of_failure(Code code) noexcept;

// In two words.
std::string_view name_of_trouble(Reason reason) noexcept;

// Withheld remembers whose answers were refused, so that none of them is given away by somebody who
// asks late. It never grows beyond a bound: of very old ones it keeps the end alone.
class Withheld {
 public:
  void add(std::uint64_t first, std::uint64_t end);
  bool holds(std::uint64_t index) const noexcept;

 private:
  struct Range {
    std::uint64_t first;
    std::uint64_t end;
  };
  static constexpr std::size_t kKept = 64;

  std::deque<Range> ranges_;
  std::uint64_t all_below_ = 0;
};

}  // namespace kw::audit
