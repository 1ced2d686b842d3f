// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kw::audit_read {

// Pattern is a text in which each star stands for any run of bytes, none too. It is built piece by
// piece, so that a `*` that is meant as itself can be told from a star.
class Pattern {
 public:
  void add(std::string_view text) { pieces_.back() += text; }
  void add_star() { pieces_.emplace_back(); }

  bool matches(std::string_view value) const noexcept;

  bool is_lone_star() const noexcept;
  std::optional<std::string> literal() const;  // none if it has a star
  const std::vector<std::string>& pieces() const noexcept { return pieces_; }
  std::vector<std::string>& pieces() noexcept { return pieces_; }

 private:
  std::vector<std::string> pieces_{1};  // between the stars
};

}  // namespace kw::audit_read
