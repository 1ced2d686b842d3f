// SPDX-License-Identifier: Apache-2.0
#include "service/token_profile/token_profile.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/file.h"
#include "base/yaml.h"
#include "pkcs11/module.h"
#include "pkcs11/uri.h"

namespace kw::token_profile {
namespace {

constexpr std::string_view kVersion = "keyward-token-profile/1";
constexpr std::size_t kMaxProfile = 1u << 20;
constexpr std::int64_t kMostAtOnce = 256;
constexpr std::array<std::string_view, 3> kVerdicts = {"production", "tests-only", "unfit"};

struct IdentityField {
  const char* part;
  const char* name;
  std::string Identity::*member;
};

constexpr IdentityField kIdentity[] = {
    {"token", "label", &Identity::label},
    {"token", "manufacturer", &Identity::manufacturer},
    {"token", "model", &Identity::model},
    {"token", "serial", &Identity::serial},
    {"library", "manufacturer", &Identity::library_manufacturer},
    {"library", "description", &Identity::library_description},
    {"library", "version", &Identity::library_version},
};

using Offers = std::map<std::string, Offer, std::less<>>;

Result<void> check_mapping(const yaml::Node& node, std::string_view name,
                           std::span<const std::string_view> known) {
  const yaml::Node::Mapping* const mapping = node.as_mapping();
  if (mapping == nullptr) return yaml::fault(node.mark, std::string(name) + ": expected a mapping");
  for (const yaml::Node::Entry& entry : *mapping) {
    if (std::ranges::find(known, entry.key) == known.end()) {
      return yaml::fault(entry.key_mark, entry.key + ": unknown key");
    }
  }
  return {};
}

Result<const yaml::Node*> require(const yaml::Node& node, std::string_view key) {
  const yaml::Node* const found = node.find(key);
  if (found == nullptr) return yaml::fault(node.mark, std::string(key) + ": missing");
  return found;
}

Result<std::string> text_of(const yaml::Node& node, std::string_view name) {
  const std::string* const text = node.as_string();
  if (text == nullptr) return yaml::fault(node.mark, std::string(name) + ": expected a text");
  return *text;
}

Result<unsigned> read_at_once(const yaml::Node& parallel, std::string_view key) {
  const yaml::Node* const node = TRY(require(parallel, key));
  const std::int64_t* const number = node->as_integer();
  if (number == nullptr || *number < 1 || *number > kMostAtOnce) {
    return yaml::fault(node->mark, std::string(key) + ": expected a number from 1 to 256");
  }
  return static_cast<unsigned>(*number);
}

Result<Offer> read_offer(const yaml::Node& node, const std::string& name) {
  constexpr std::array<std::string_view, 2> kFields = {"offered", "reason"};
  TRY(check_mapping(node, name, kFields));
  const yaml::Node* const offered = TRY(require(node, "offered"));
  const yaml::Node* const reason = node.find("reason");
  if (offered->as_bool() == nullptr) {
    return yaml::fault(offered->mark, "offered: expected true or false");
  }
  if (*offered->as_bool() != (reason == nullptr)) {
    return yaml::fault(node.mark, name + ": a reason stands exactly where offered is false");
  }
  Offer offer;
  if (reason != nullptr) offer.refused = TRY(text_of(*reason, "reason"));
  return offer;
}

Result<Offers> read_offers(const yaml::Node& root, std::string_view key) {
  const yaml::Node* const node = TRY(require(root, key));
  if (node->as_mapping() == nullptr) {
    return yaml::fault(node->mark, std::string(key) + ": expected a mapping");
  }
  Offers offers;
  for (const yaml::Node::Entry& entry : *node->as_mapping()) {
    offers.emplace(entry.key, TRY(read_offer(entry.value, entry.key)));
  }
  return offers;
}

Result<Identity> read_identity(const yaml::Node& root) {
  constexpr std::array<std::string_view, 4> kToken = {"label", "manufacturer", "model", "serial"};
  constexpr std::array<std::string_view, 3> kLibrary = {"manufacturer", "description", "version"};
  const yaml::Node* const token = TRY(require(root, "token"));
  TRY(check_mapping(*token, "token", kToken));
  const yaml::Node* const library = TRY(require(root, "library"));
  TRY(check_mapping(*library, "library", kLibrary));
  Identity identity;
  for (const IdentityField& field : kIdentity) {
    const yaml::Node& part = field.part == std::string_view("token") ? *token : *library;
    const yaml::Node* const node = TRY(require(part, field.name));
    identity.*field.member = TRY(text_of(*node, field.name));
  }
  return identity;
}

Result<Verdict> read_verdict(const yaml::Node& root) {
  const yaml::Node* const node = TRY(require(root, "verdict"));
  const std::string word = TRY(text_of(*node, "verdict"));
  const auto* const found = std::ranges::find(kVerdicts, word);
  if (found == kVerdicts.end()) {
    return yaml::fault(node->mark, "verdict: expected production, tests-only or unfit");
  }
  return static_cast<Verdict>(found - kVerdicts.begin());
}

Result<std::vector<std::string>> read_reasons(const yaml::Node& root) {
  const yaml::Node* const node = TRY(require(root, "reasons"));
  const yaml::Node::Sequence* const items = node->as_sequence();
  if (items == nullptr) return yaml::fault(node->mark, "reasons: expected a list");
  std::vector<std::string> reasons;
  for (const yaml::Node& item : *items) reasons.push_back(TRY(text_of(item, "reasons")));
  return reasons;
}

Result<void> check_version(const yaml::Node& root) {
  const yaml::Node* const node = TRY(require(root, "version"));
  if (TRY(text_of(*node, "version")) == kVersion) return {};
  return yaml::fault(node->mark, "version: expected " + std::string(kVersion));
}

// A double-quoted scalar. What is no UTF-8 parse refuses.
std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      out += escape;
    }
  }
  return out + "\"";
}

std::string identity_line(const Identity& identity, std::string_view part) {
  std::string line;
  for (const IdentityField& field : kIdentity) {
    if (field.part != part) continue;
    line += (line.empty() ? "" : ", ") + std::string(field.name) + ": " +
            double_quoted(identity.*field.member);
  }
  return std::string(part) + ": {" + line + "}\n";
}

std::string offer_lines(std::string_view name, const Offers& offers) {
  std::string lines = std::string(name) + (offers.empty() ? ": {}\n" : ":\n");
  for (const auto& [key, offer] : offers) {
    lines += "  " + key + ": {offered: " +
             (offer.offered() ? "true" : "false, reason: " + double_quoted(*offer.refused)) + "}\n";
  }
  return lines;
}

}  // namespace

Identity identity_of(const pkcs11::TokenIdentity& token, const pkcs11::ModuleIdentity& library) {
  return {.label = token.label,
          .manufacturer = token.manufacturer,
          .model = token.model,
          .serial = token.serial,
          .library_manufacturer = library.manufacturer,
          .library_description = library.description,
          .library_version = library.library_version};
}

std::string_view name_of(Verdict verdict) noexcept {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

Result<TokenProfile> TokenProfile::parse(std::string_view yaml) {
  constexpr std::array<std::string_view, 8> kFields = {
      "version", "token", "library", "verdict", "reasons", "parallel", "algorithms", "suites"};
  constexpr std::array<std::string_view, 2> kParallel = {"symmetric", "asymmetric"};
  const yaml::Node root = TRY(yaml::parse(yaml));
  TRY(check_mapping(root, "the profile", kFields));
  TRY(check_version(root));
  const yaml::Node* const parallel = TRY(require(root, "parallel"));
  TRY(check_mapping(*parallel, "parallel", kParallel));
  TokenProfile profile;
  profile.identity = TRY(read_identity(root));
  profile.verdict = TRY(read_verdict(root));
  profile.reasons = TRY(read_reasons(root));
  profile.symmetric = TRY(read_at_once(*parallel, "symmetric"));
  profile.asymmetric = TRY(read_at_once(*parallel, "asymmetric"));
  profile.algorithms = TRY(read_offers(root, "algorithms"));
  profile.suites = TRY(read_offers(root, "suites"));
  return profile;
}

Result<TokenProfile> TokenProfile::load(const std::filesystem::path& file) {
  const std::string yaml = TRY(read_file(file, kMaxProfile));
  Result<TokenProfile> profile = parse(yaml);
  if (!profile) {
    return refusal(profile.error().code(), file.string() + ": " + profile.error().detail());
  }
  return profile;
}

std::string TokenProfile::to_yaml() const {
  std::string yaml = "version: " + std::string(kVersion) + "\n" + identity_line(identity, "token") +
                     identity_line(identity, "library") +
                     "verdict: " + std::string(name_of(verdict)) +
                     "\nreasons:" + (reasons.empty() ? " []" : "") + "\n";
  for (const std::string& reason : reasons) yaml += "  - " + double_quoted(reason) + "\n";
  return yaml + "parallel: {symmetric: " + std::to_string(symmetric) +
         ", asymmetric: " + std::to_string(asymmetric) + "}\n" +
         offer_lines("algorithms", algorithms) + offer_lines("suites", suites);
}

std::optional<std::string> TokenProfile::refusal_of(std::string_view algorithm) const {
  const auto found = algorithms.find(algorithm);
  if (found == algorithms.end()) return "the token's profile does not speak of it";
  return found->second.refused;
}

Result<void> TokenProfile::check_fit(const Identity& found) const {
  for (const IdentityField& field : kIdentity) {
    if (identity.*field.member == found.*field.member) continue;
    return Error(Code::FailedPrecondition,
                 "the token's profile is of another " + std::string(field.part) + ": " +
                     field.name + " is \"" + found.*field.member + "\", the profile says \"" +
                     identity.*field.member + "\"; run keyward doctor again");
  }
  if (verdict != Verdict::Unfit) return {};
  return Error(Code::FailedPrecondition,
               "the token's profile says that it is unfit" +
                   (reasons.empty() ? std::string() : ": " + reasons.front()));
}

}  // namespace kw::token_profile
