// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::audit_verify {

// How a field's bytes are to be read, and shown.
enum class FieldForm { Number, Word, Text, Hex, Time };

// Field is one field of a record, checked against the table of docs/audit-format.md. Its views
// point into the payload that it was decoded from.
struct Field {
  std::string_view name;
  FieldForm form = FieldForm::Number;
  std::uint64_t number = 0;  // Number, Time (microseconds)
  std::string_view word;     // Word: from a closed list
  ByteView bytes;            // Text, Hex: as stored; text is the caller's and may hold anything
};

// FieldInfo is what a field can hold, by the table of docs/audit-format.md.
struct FieldInfo {
  std::string_view name;
  FieldForm form = FieldForm::Number;
  std::size_t size = 0;                          // in bytes; of a text at most
  std::span<const std::string_view> words = {};  // Word: by number, empty where there is none
};

// Every field of the table, in its order, and the computed `leaf` at the end.
const std::vector<FieldInfo>& all_fields();

// DecodedRecord is one payload, taken apart.
struct DecodedRecord {
  std::uint64_t index = 0;
  ByteView previous_leaf;
  std::string_view kind;      // "operation", "system" or "seal"
  Sha256Digest leaf{};        // set by who read the payload from a log
  std::vector<Field> fields;  // the others, in the order of their tags

  const Field* find(std::string_view name) const noexcept;  // null if absent

  // The same for every name of all_fields(): index, leaf hashes and kind too. Lives as long as the
  // record and `name`.
  std::optional<Field> value(std::string_view name) const;
};

// Says of each record whether the reading goes on. The record lasts as long as the call.
using OnRecord = std::function<bool(const DecodedRecord&)>;

// Takes a payload apart into `record`, whose memory is used again. Accepts the canonical encoding
// and nothing else. Errors: InvalidArgument, saying what is wrong.
Result<void> decode_payload(ByteView payload, DecodedRecord& record);

}  // namespace kw::audit_verify
