// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kw::policy {

// Glob is the text of a policy with which a value is compared: `*` is any run of characters, `?`
// one character (of UTF-8), everything else itself. The value is always taken literally.
class Glob {
 public:
  explicit Glob(std::string text) : text_(std::move(text)) {}

  const std::string& text() const noexcept { return text_; }
  bool matches(std::string_view value) const noexcept;

 private:
  std::string text_;
};

}  // namespace kw::policy
