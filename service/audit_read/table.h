// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace kw::audit_read {

// Table lays cells out in lines, one row after the other: with tabs between them for a program, or
// with blanks to even columns for a person. A column grows once a wider cell comes: rows that are
// written already stay as they are, so no more than one is kept.
class Table {
 public:
  enum class Layout { Tabs, Aligned };

  explicit Table(Layout layout) : layout_(layout) {}

  // Makes room for a row that comes later.
  void expect(const std::vector<std::string>& cells);

  // One line, with its newline. The cells hold no tab and no newline.
  std::string line(const std::vector<std::string>& cells);

 private:
  Layout layout_;
  std::vector<std::size_t> widths_;
};

}  // namespace kw::audit_read
