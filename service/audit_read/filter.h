// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/audit_read/pattern.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_read {

// Term is one condition of a filter on one field.
struct Term {
  enum class Comparison { Equal, Unequal, Less, AtMost, Greater, AtLeast };

  audit_verify::FieldInfo field;
  Comparison comparison = Comparison::Equal;
  bool asks_for_presence = false;  // NAME=*: all that counts is that the field is there
  std::uint64_t number = 0;        // Number, Time
  std::uint64_t words = 0;         // Word: one bit for each word that it may be
  Pattern pattern;                 // Text, Hex

  bool holds(const audit_verify::DecodedRecord& record) const;
};

// Filter says which records somebody wants to see, in the language of docs/audit-reading.md.
class Filter {
 public:
  // Lets everything through.
  Filter() = default;

  // Takes `op=unwrap outcome!=ok since=24h`; ages count back from `now`. An empty text lets
  // everything through. Errors: InvalidArgument; the detail names the term and what is wrong.
  static Result<Filter> parse(std::string_view text, WallTime now);

  // Whether one of each field's `=` terms holds, and all the others do.
  bool matches(const audit_verify::DecodedRecord& record) const;

 private:
  void add(Term term);

  std::vector<Term> required_;
  std::vector<std::vector<Term>> alternatives_;  // the `=` terms of one field each
};

}  // namespace kw::audit_read
