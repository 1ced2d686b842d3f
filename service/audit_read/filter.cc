// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/filter.h"

#include <algorithm>
#include <utility>

#include "service/audit_read/term_reader.h"
#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::DecodedRecord;
using audit_verify::Field;
using audit_verify::FieldForm;

bool compares(Term::Comparison comparison, std::uint64_t value, std::uint64_t bound) {
  switch (comparison) {
    case Term::Comparison::Equal:
    case Term::Comparison::Unequal:
      return value == bound;
    case Term::Comparison::Less:
      return value < bound;
    case Term::Comparison::AtMost:
      return value <= bound;
    case Term::Comparison::Greater:
      return value > bound;
    case Term::Comparison::AtLeast:
      return value >= bound;
  }
  return false;
}

// What the term says of a field that is there; of `!=`, the opposite.
bool says(const Term& term, const Field& field) {
  if (term.asks_for_presence) return true;
  switch (field.form) {
    case FieldForm::Number:
    case FieldForm::Time:
      return compares(term.comparison, field.number, term.number);
    case FieldForm::Word:
      return (term.words >> field.number & 1) != 0;
    case FieldForm::Text:
      return term.pattern.matches(as_text(field.bytes));
    case FieldForm::Hex:
      return term.pattern.matches(to_hex(field.bytes));
  }
  return false;
}

}  // namespace

bool Term::holds(const DecodedRecord& record) const {
  const auto value = record.value(field.name);
  const bool said = value.has_value() && says(*this, *value);
  return said != (comparison == Comparison::Unequal);
}

Result<Filter> Filter::parse(std::string_view text, WallTime now) {
  Filter filter;
  TermReader reader(text, now);
  while (reader.has_more()) {
    Term term = TRY(reader.next());
    filter.add(std::move(term));
  }
  return filter;
}

void Filter::add(Term term) {
  if (term.comparison != Term::Comparison::Equal) {
    required_.push_back(std::move(term));
    return;
  }
  const auto same = std::find_if(alternatives_.begin(), alternatives_.end(),
                                 [&term](const std::vector<Term>& terms) {
                                   return terms.front().field.name == term.field.name;
                                 });
  if (same == alternatives_.end()) {
    alternatives_.push_back({std::move(term)});
  } else {
    same->push_back(std::move(term));
  }
}

bool Filter::matches(const DecodedRecord& record) const {
  const auto holds = [&record](const Term& term) { return term.holds(record); };
  return std::all_of(required_.begin(), required_.end(), holds) &&
         std::all_of(alternatives_.begin(), alternatives_.end(),
                     [&holds](const std::vector<Term>& terms) {
                       return std::any_of(terms.begin(), terms.end(), holds);
                     });
}

}  // namespace kw::audit_read
