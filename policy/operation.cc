// SPDX-License-Identifier: Apache-2.0
#include "policy/operation.h"

#include <algorithm>
#include <array>

namespace kw::policy {
namespace {

// In the order of Operation.
constexpr std::array<std::string_view, kOperationCount> kNames = {
    "create", "read",       "rotate", "disable",     "enable",       "destroy",    "restore",
    "import", "wrap",       "unwrap", "rewrap",      "data-key",     "sign",       "verify",
    "mac",    "verify-mac", "random", "read-policy", "write-policy", "read-audit", "read-metrics",
};

constexpr OperationSet kKeyless = {Operation::Random, Operation::ReadPolicy, Operation::WritePolicy,
                                   Operation::ReadAudit, Operation::ReadMetrics};

constexpr OperationSet kAdmin = {Operation::Create,  Operation::Read,   Operation::Rotate,
                                 Operation::Disable, Operation::Enable, Operation::Destroy,
                                 Operation::Restore, Operation::Import};

constexpr OperationSet kUse = {Operation::Wrap,    Operation::Unwrap,    Operation::Rewrap,
                               Operation::DataKey, Operation::Sign,      Operation::Verify,
                               Operation::Mac,     Operation::VerifyMac, Operation::Random};

}  // namespace

std::string_view name_of(Operation operation) noexcept {
  return kNames[static_cast<std::size_t>(operation)];
}

std::optional<Operation> parse_operation(std::string_view name) noexcept {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<Operation>(at - kNames.begin());
}

bool names_a_key(Operation operation) noexcept { return !kKeyless.contains(operation); }

OperationSet OperationSet::naming_a_key() noexcept { return (kAdmin | kUse) - kKeyless; }

std::optional<OperationSet> parse_operations(std::string_view word) noexcept {
  if (word == "use") return kUse;
  if (word == "admin") return kAdmin;
  const auto operation = parse_operation(word);
  if (!operation) return std::nullopt;
  return OperationSet{*operation};
}

}  // namespace kw::policy
