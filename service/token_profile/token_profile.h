// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kw::pkcs11 {
struct TokenIdentity;
struct ModuleIdentity;
}  // namespace kw::pkcs11

namespace kw::token_profile {

// Verdict is what a token is fit for.
enum class Verdict { Production, TestsOnly, Unfit };

std::string_view name_of(Verdict verdict) noexcept;

// Offer says whether something can be had of the token; where not, why, in words for callers.
struct Offer {
  std::optional<std::string> refused;

  bool offered() const noexcept { return !refused; }
  bool operator==(const Offer&) const = default;
};

// Identity is what a token and its library say of themselves.
struct Identity {
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;
  std::string library_manufacturer;
  std::string library_description;
  std::string library_version;

  bool operator==(const Identity&) const = default;
};

Identity identity_of(const pkcs11::TokenIdentity& token, const pkcs11::ModuleIdentity& library);

// TokenProfile is what `keyward doctor` found out about one token behind one library, and what the
// service goes by. docs/profile-format.md is its format.
struct TokenProfile {
  Identity identity;
  Verdict verdict = Verdict::Unfit;
  std::vector<std::string> reasons;
  unsigned symmetric = 1;  // calls at once
  unsigned asymmetric = 1;
  std::map<std::string, Offer, std::less<>> algorithms;
  std::map<std::string, Offer, std::less<>> suites;

  bool operator==(const TokenProfile&) const = default;

  // Errors: InvalidArgument, as "line L, column C: ...".
  static Result<TokenProfile> parse(std::string_view yaml);
  // Errors: those of parse, with the path in front; NotFound; Unavailable.
  static Result<TokenProfile> load(const std::filesystem::path& file);

  // The document that parse reads.
  std::string to_yaml() const;

  // Why the token cannot do the algorithm; nothing where it can.
  std::optional<std::string> refusal_of(std::string_view algorithm) const;

  // Whether that token may be served: it is the one this profile speaks of, and not unfit.
  // Errors: FailedPrecondition, naming what differs or why it is unfit.
  Result<void> check_fit(const Identity& found) const;
};

}  // namespace kw::token_profile
