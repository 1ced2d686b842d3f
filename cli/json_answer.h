// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace kw::cli {

// JsonAnswer reads an answer of the server. What it holds goes with the process: only `secret`
// takes care of plaintext. Errors of all readers: Internal (the server's answer is not what it
// should be).
class JsonAnswer {
 public:
  // The body must be an object.
  static Result<JsonAnswer> parse(ByteView body);

  // Fields of an object.
  Result<std::string> text(std::string_view name) const;  // as it came
  Result<bool> truth(std::string_view name) const;
  Result<Secret> base64(std::string_view name);            // and wipes it here
  std::string text_or_empty(std::string_view name) const;  // any scalar, fit for a terminal
  std::uint64_t number_or_zero(std::string_view name) const noexcept;
  std::vector<JsonAnswer> items(std::string_view name) const;  // of a list; empty if absent

  // The whole as "name: value" lines, lists and objects indented, fit for a terminal.
  std::string to_lines() const;

 private:
  explicit JsonAnswer(std::shared_ptr<nlohmann::json> value) : value_(std::move(value)) {}

  std::shared_ptr<nlohmann::json> value_;
};

}  // namespace kw::cli
