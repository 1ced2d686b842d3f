// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/meter.h"
#include "pkcs11/return_value.h"

namespace kw::pkcs11 {

// CallKind is what a Session does in one whole operation: an init function belongs to its
// operation, the pages of a search to the search.
enum class CallKind {
  OpenSession,
  Login,
  FindObjects,
  GenerateKey,
  GenerateKeyPair,
  DeriveKey,
  WrapKey,
  UnwrapKey,
  CreateObject,
  DestroyObject,
  GetAttributes,
  Encrypt,
  Decrypt,
  Sign,
  GenerateRandom,
  SetAttributes,
};

inline constexpr std::array<std::string_view, 16> kCallKindNames = {
    "open_session",      "login",          "find_objects",    "generate_key",
    "generate_key_pair", "derive_key",     "wrap_key",        "unwrap_key",
    "create_object",     "destroy_object", "get_attributes",  "encrypt",
    "decrypt",           "sign",           "generate_random", "set_attributes"};

// In the order of RvClass.
inline constexpr std::array<std::string_view, 11> kRvClassNames = {
    "success", "caller", "session", "handle", "pool",   "login",
    "latch",   "module", "host",    "fixed",  "unknown"};

// CallMeter counts the calls of one module: how long each kind took, and how those that failed did.
// Safe for concurrent use.
class CallMeter {
 public:
  Latency& latency(CallKind kind) noexcept { return latencies_[static_cast<std::size_t>(kind)]; }
  const Latency& latency(CallKind kind) const noexcept {
    return latencies_[static_cast<std::size_t>(kind)];
  }

  void count_failure(RvClass rv_class) noexcept {
    failures_[static_cast<std::size_t>(rv_class)].add();
  }
  const Counter& failures(RvClass rv_class) const noexcept {
    return failures_[static_cast<std::size_t>(rv_class)];
  }

 private:
  std::array<Latency, kCallKindNames.size()> latencies_;
  std::array<Counter, kRvClassNames.size()> failures_;
};

}  // namespace kw::pkcs11
