// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kw::pkcs11 {

// TokenIdentity is what a token says of itself, without the padding.
struct TokenIdentity {
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;

  bool operator==(const TokenIdentity&) const = default;
};

// TokenUri names a token as RFC 7512 does, by any of token, manufacturer, model and serial.
class TokenUri {
 public:
  // Errors: InvalidArgument, advised (not a PKCS#11 URI; it names no token; it says something that
  // is decided elsewhere or not at all: an object, a slot, a module, a PIN, an unknown attribute).
  static Result<TokenUri> parse(std::string_view text);

  // The URI of the token with this label, rightly escaped.
  static TokenUri of_label(std::string_view label);

  const std::string& text() const noexcept { return text_; }
  bool matches(const TokenIdentity& token) const noexcept;

 private:
  TokenUri() = default;

  std::string text_;
  std::optional<std::string> label_;
  std::optional<std::string> manufacturer_;
  std::optional<std::string> model_;
  std::optional<std::string> serial_;
};

}  // namespace kw::pkcs11
