// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "service/audit_read/filter.h"

namespace kw::audit_read {

// TermReader takes a filter's text apart, term by term.
class TermReader {
 public:
  TermReader(std::string_view text, WallTime now) : rest_(text), now_(now) {}

  // Whether anything but blanks is left.
  bool has_more();

  // The next term, checked against what its field can hold. Errors: InvalidArgument, naming it.
  Result<Term> next();

 private:
  Result<Pattern> take_value();
  Result<void> close_quotes();
  Result<void> take_piece(Pattern& value);
  Result<void> take_escape(Pattern& value);
  Result<void> fill(Term& term, const Pattern& value) const;
  Error fault(std::string_view what) const;

  std::string_view rest_;
  std::string_view term_;  // from the front of the one being read to the end of the text
  WallTime now_;
};

}  // namespace kw::audit_read
