// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/table.h"

#include <algorithm>
#include <string_view>

namespace kw::audit_read {
namespace {

// In characters of UTF-8.
std::size_t width_of(std::string_view cell) {
  return static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  }));
}

}  // namespace

void Table::expect(const std::vector<std::string>& cells) {
  widths_.resize(std::max(widths_.size(), cells.size()));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], width_of(cells[i]));
  }
}

std::string Table::line(const std::vector<std::string>& cells) {
  expect(cells);
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 == cells.size()) break;
    line += layout_ == Layout::Tabs ? "\t" : std::string(widths_[i] - width_of(cells[i]) + 2, ' ');
  }
  return line + "\n";
}

}  // namespace kw::audit_read
