// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kw::audit_read {

// JsonObject writes one JSON object in one line, member by member.
class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::uint64_t value);
  JsonObject& object(std::string_view name, const JsonObject& value);
  JsonObject& list_of_one(std::string_view name, const JsonObject& value);

  bool is_empty() const noexcept { return text_.empty(); }
  std::string line() const { return '{' + text_ + '}'; }

 private:
  JsonObject& add(std::string_view name, std::string_view value);

  std::string text_;
};

}  // namespace kw::audit_read
