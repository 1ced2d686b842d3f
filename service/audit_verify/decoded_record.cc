// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/decoded_record.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>

namespace kw::audit_verify {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::uint8_t kFirstFieldAfterKind = 0x04;

constexpr std::array<std::string_view, 4> kKinds = {"", "operation", "system", "seal"};
constexpr std::array<std::string_view, 4> kPhases = {"", "single", "intent", "outcome"};
constexpr std::array<std::string_view, 4> kProofs = {"", "mtls", "jwt", "api-token"};
constexpr std::array<std::string_view, 14> kOutcomes = {"ok",
                                                        "invalid_argument",
                                                        "unauthenticated",
                                                        "permission_denied",
                                                        "not_found",
                                                        "already_exists",
                                                        "failed_precondition",
                                                        "aborted",
                                                        "payload_too_large",
                                                        "resource_exhausted",
                                                        "unimplemented",
                                                        "unavailable",
                                                        "deadline_exceeded",
                                                        "internal"};
constexpr std::array<std::string_view, 39> kReasons = {"",
                                                       "malformed",
                                                       "unknown key",
                                                       "forbidden key",
                                                       "unknown version",
                                                       "version disabled",
                                                       "version destroyed",
                                                       "key mismatch",
                                                       "tag or context",
                                                       "wrong purpose",
                                                       "denied by rule",
                                                       "no rule allows",
                                                       "limit reached",
                                                       "not proven",
                                                       "revoked",
                                                       "expired",
                                                       "overloaded",
                                                       "token refused",
                                                       "token unavailable",
                                                       "token timeout",
                                                       "catalog unavailable",
                                                       "policy invalid",
                                                       "policy test failed",
                                                       "state forbids",
                                                       "conflict",
                                                       "quarantined",
                                                       "",
                                                       "",
                                                       "",
                                                       "",
                                                       "",
                                                       "",
                                                       "disk full",
                                                       "disk read-only",
                                                       "file displaced",
                                                       "sync failed",
                                                       "disk slow",
                                                       "write failed",
                                                       "sink down"};
constexpr std::array<std::string_view, 19> kEvents = {"",
                                                      "start",
                                                      "stop",
                                                      "recovered",
                                                      "policy loaded",
                                                      "certificates reloaded",
                                                      "unauthenticated requests",
                                                      "key quarantined",
                                                      "token lost",
                                                      "token back",
                                                      "",
                                                      "",
                                                      "",
                                                      "",
                                                      "",
                                                      "",
                                                      "answers withheld",
                                                      "segment abandoned",
                                                      "witness dispute"};

// In which kinds of record a field may or must stand.
enum class Place { Everywhere, Details, PhaseOfOperation, EventOfSystem, SystemOnly };

struct FieldRule {
  std::string_view name;
  FieldForm form;
  std::size_t min;
  std::size_t max;
  Place place;
  Words words = {};
};

// From tag 04 on; the three before have a place of their own in DecodedRecord.
constexpr std::array<FieldRule, 26> kRules = {{
    {"time", FieldForm::Time, 8, 8, Place::Everywhere},
    {"since_start", FieldForm::Number, 8, 8, Place::Everywhere},
    {"request_id", FieldForm::Hex, 16, 16, Place::Details},
    {"phase", FieldForm::Word, 1, 1, Place::PhaseOfOperation, kPhases},
    {"caller", FieldForm::Text, 1, 512, Place::Details},
    {"proof", FieldForm::Word, 1, 1, Place::Details, kProofs},
    {"source", FieldForm::Text, 1, 64, Place::Details},
    {"operation", FieldForm::Text, 1, 32, Place::Details},
    {"key_id", FieldForm::Hex, 16, 16, Place::Details},
    {"key", FieldForm::Text, 1, 511, Place::Details},
    {"version", FieldForm::Number, 4, 4, Place::Details},
    {"outcome", FieldForm::Word, 1, 1, Place::Details, kOutcomes},
    {"reason", FieldForm::Word, 1, 1, Place::Details, kReasons},
    {"rule", FieldForm::Text, 1, 128, Place::Details},
    {"policy_hash", FieldForm::Hex, 32, 32, Place::Details},
    {"bytes_in", FieldForm::Number, 8, 8, Place::Details},
    {"bytes_out", FieldForm::Number, 8, 8, Place::Details},
    {"context_mac", FieldForm::Hex, 32, 32, Place::Details},
    {"latency", FieldForm::Number, 8, 8, Place::Details},
    {"event", FieldForm::Word, 1, 1, Place::EventOfSystem, kEvents},
    {"count", FieldForm::Number, 8, 8, Place::SystemOnly},
    {"digest", FieldForm::Hex, 32, 32, Place::SystemOnly},
    {"first", FieldForm::Number, 8, 8, Place::SystemOnly},
    {"refused", FieldForm::Number, 8, 8, Place::SystemOnly},
    {"began", FieldForm::Time, 8, 8, Place::SystemOnly},
    {"suite", FieldForm::Number, 1, 1, Place::Details},
}};

Error fault(std::string what) { return Error(Code::InvalidArgument, std::move(what)); }

// Takes tag, length and value off the front of `rest`; none if it ends before the value does.
struct RawField {
  std::uint8_t tag = 0;
  ByteView value;
};
std::optional<RawField> take_field(ByteView& rest) {
  constexpr std::size_t kHead = 3;
  if (rest.size() < kHead) return std::nullopt;
  const std::size_t length = read_u16(rest.subspan(1));
  if (rest.size() - kHead < length) return std::nullopt;
  const RawField field{rest[0], rest.subspan(kHead, length)};
  rest = rest.subspan(kHead + length);
  return field;
}

Result<ByteView> take_fixed(ByteView& rest, std::uint8_t tag, std::size_t size,
                            const char* missing) {
  const auto field = take_field(rest);
  if (!field || field->tag != tag || field->value.size() != size) return fault(missing);
  return field->value;
}

std::uint64_t to_integer(ByteView bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = (number << 8) | byte;
  return number;
}

bool may_stand(Place place, std::string_view kind) {
  switch (place) {
    case Place::Everywhere:
      return true;
    case Place::Details:
      return kind != kKinds[3];
    case Place::PhaseOfOperation:
      return kind == kKinds[1];
    case Place::EventOfSystem:
    case Place::SystemOnly:
      return kind == kKinds[2];
  }
  return false;
}

bool must_stand(Place place, std::string_view kind) {
  return place == Place::Everywhere || (place == Place::PhaseOfOperation && kind == kKinds[1]) ||
         (place == Place::EventOfSystem && kind == kKinds[2]);
}

Result<void> decode_field(const FieldRule& rule, ByteView value, Field& field) {
  field.name = rule.name;
  field.form = rule.form;
  field.bytes = value;
  if (value.size() < rule.min || value.size() > rule.max) {
    return fault(std::string(rule.name) + ": wrong length");
  }
  if (rule.form == FieldForm::Text || rule.form == FieldForm::Hex) return {};
  field.number = to_integer(value);
  if (rule.form != FieldForm::Word) return {};
  if (field.number >= rule.words.size() || rule.words[field.number].empty()) {
    return fault(std::string(rule.name) + ": unknown value");
  }
  field.word = rule.words[field.number];
  return {};
}

Result<void> require_none(std::size_t from, std::size_t to, std::string_view kind) {
  for (std::size_t skipped = from; skipped < to; ++skipped) {
    if (must_stand(kRules[skipped].place, kind)) {
      return fault(std::string(kRules[skipped].name) + ": missing");
    }
  }
  return {};
}

Result<void> decode_fields(ByteView rest, DecodedRecord& record) {
  std::size_t next_rule = 0;
  while (!rest.empty()) {
    const auto raw = take_field(rest);
    if (!raw) return fault("field cut short");
    const std::size_t rule = static_cast<std::size_t>(raw->tag) - kFirstFieldAfterKind;
    if (raw->tag < kFirstFieldAfterKind || rule < next_rule) return fault("fields out of order");
    if (rule >= kRules.size()) return fault("unknown field");
    if (!may_stand(kRules[rule].place, record.kind)) {
      return fault(std::string(kRules[rule].name) + ": not in this kind of record");
    }
    TRY(require_none(next_rule, rule, record.kind));
    TRY(decode_field(kRules[rule], raw->value, record.fields.emplace_back()));
    next_rule = rule + 1;
  }
  return require_none(next_rule, kRules.size(), record.kind);
}

}  // namespace

const Field* DecodedRecord::find(std::string_view name) const noexcept {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::optional<Field> DecodedRecord::value(std::string_view name) const {
  if (const Field* found = find(name)) return *found;
  Field field;
  field.name = name;
  if (name == "index") {
    field.number = index;
  } else if (name == "kind") {
    const auto at = std::find(kKinds.begin(), kKinds.end(), kind);
    field.form = FieldForm::Word;
    field.number = static_cast<std::uint64_t>(at - kKinds.begin());
    field.word = kind;
  } else if (name == "leaf" || name == "previous_leaf") {
    field.form = FieldForm::Hex;
    field.bytes = name == "leaf" ? ByteView(leaf) : previous_leaf;
  } else {
    return std::nullopt;
  }
  return field;
}

const std::vector<FieldInfo>& all_fields() {
  static const std::vector<FieldInfo> kFields = [] {
    std::vector<FieldInfo> fields = {{"index", FieldForm::Number, 8, {}},
                                     {"previous_leaf", FieldForm::Hex, 32, {}},
                                     {"kind", FieldForm::Word, 1, kKinds}};
    for (const FieldRule& rule : kRules) {
      fields.push_back({rule.name, rule.form, rule.max, rule.words});
    }
    fields.push_back({"leaf", FieldForm::Hex, 32, {}});
    return fields;
  }();
  return kFields;
}

Result<void> decode_payload(ByteView payload, DecodedRecord& record) {
  record.fields.clear();
  const ByteView index = TRY(take_fixed(payload, 0x01, 8, "no index"));
  record.index = read_u64(index);
  record.previous_leaf = TRY(take_fixed(payload, 0x02, 32, "no previous leaf hash"));
  const ByteView kind = TRY(take_fixed(payload, 0x03, 1, "no kind"));
  if (kind[0] == 0 || kind[0] >= kKinds.size()) return fault("unknown kind of record");
  record.kind = kKinds[kind[0]];
  return decode_fields(payload, record);
}

}  // namespace kw::audit_verify
