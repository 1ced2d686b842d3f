// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "policy/operation.h"

namespace kw::policy {

// Facts are what was proven about a caller. All members are borrowed for the length of one call. An
// empty member was not proven; a caller with nothing proven but a source is nobody, and is denied.
struct Facts {
  std::string_view spki;                // "sha256:" and 64 lower-case hexadecimal digits
  std::span<const std::string> spiffe;  // "spiffe://trust.domain/path"
  std::span<const std::string> dns;     // lower case
  std::string_view subject;             // the whole distinguished name, compared byte for byte
  std::string_view source;              // an IPv4 or IPv6 address without port; empty: unknown
};

// Question asks whether an operation may happen. All members are borrowed for the length of one
// call. What is empty or null is missing: a condition on it lets no allow and every deny match.
struct Question {
  Operation operation = Operation::Read;
  std::string_view key;              // empty for operations that name no key
  const Context* context = nullptr;  // the empty context is a fact, null is a missing one
  std::string_view algorithm;
  std::string_view state;
  const std::map<std::string, std::string>* tags = nullptr;
  std::optional<std::uint64_t> bytes;  // of plaintext
  std::optional<WallTime> now;
};

}  // namespace kw::policy
