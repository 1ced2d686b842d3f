// SPDX-License-Identifier: Apache-2.0
#include "service/audit/record.h"

#include <type_traits>

namespace kw::audit {
namespace {

enum class Kind : std::uint8_t { Operation = 1, System = 2, Seal = 3 };

enum class Tag : std::uint8_t {
  Kind = 0x03,
  Time = 0x04,
  SinceStart = 0x05,
  RequestId = 0x06,
  Phase = 0x07,
  Caller = 0x08,
  Proof = 0x09,
  Source = 0x0a,
  Operation = 0x0b,
  KeyId = 0x0c,
  KeyName = 0x0d,
  Version = 0x0e,
  Outcome = 0x0f,
  Reason = 0x10,
  Rule = 0x11,
  PolicyHash = 0x12,
  BytesIn = 0x13,
  BytesOut = 0x14,
  ContextMac = 0x15,
  Latency = 0x16,
  Event = 0x17,
  Count = 0x18,
  Digest = 0x19,
  First = 0x1a,
  Refused = 0x1b,
  Began = 0x1c,
  Suite = 0x1d,
};

constexpr std::size_t kMaxCaller = 512;
constexpr std::size_t kMaxSource = 64;
constexpr std::size_t kMaxOperation = 32;
constexpr std::size_t kMaxKeyName = 511;
constexpr std::size_t kMaxRule = 128;

constexpr std::size_t kTypicalFields = 384;

// How much of an overlong text stays, cut between two UTF-8 characters where it is UTF-8.
std::size_t cut_point(std::string_view text, std::size_t limit) {
  std::size_t cut = limit;
  for (int back = 0; back < 3 && cut > 0; ++back, --cut) {
    if ((static_cast<unsigned char>(text[cut]) & 0xc0) != 0x80) return cut;
  }
  return (static_cast<unsigned char>(text[cut]) & 0xc0) != 0x80 ? cut : limit;
}

// A text within its bound. The hash keeps two callers apart that differ only beyond it.
std::string bounded(std::string_view text, std::size_t limit) {
  const std::string mark = "…sha256:" + to_hex(sha256(as_bytes(text))).substr(0, 16);
  std::string kept(text.substr(0, cut_point(text, limit - mark.size())));
  return kept + mark;
}

class Fields {
 public:
  Fields() { bytes_.reserve(kTypicalFields); }

  void add(Tag tag, ByteView value) {
    bytes_.push_back(static_cast<std::uint8_t>(tag));
    append_u16(bytes_, static_cast<std::uint16_t>(value.size()));
    append(bytes_, value);
  }
  void add(Tag tag, std::uint64_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(tag));
    append_u16(bytes_, sizeof value);
    append_u64(bytes_, value);
  }
  void add(Tag tag, WallTime time) {
    add(tag, static_cast<std::uint64_t>(time.time_since_epoch().count()));
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  void add_word(Tag tag, Enum value) {
    const std::uint8_t number = static_cast<std::uint8_t>(value);
    add(tag, ByteView(&number, 1));
  }
  void add_text(Tag tag, std::string_view text, std::size_t limit) {
    if (text.empty()) return;
    if (text.size() <= limit) return add(tag, as_bytes(text));
    add(tag, as_bytes(bounded(text, limit)));
  }
  void add_present(Tag tag, const std::optional<std::uint64_t>& value) {
    if (value) add(tag, *value);
  }
  void add_present(Tag tag, const std::optional<Sha256Digest>& value) {
    if (value) add(tag, ByteView(*value));
  }

  void begin(Kind kind, const Stamp& stamp) {
    add_word(Tag::Kind, kind);
    add(Tag::Time, stamp.wall);
    add(Tag::SinceStart, static_cast<std::uint64_t>(stamp.since_start.count()));
  }
  Bytes take() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

void add_caller(Fields& fields, const Record& record) {
  if (record.request_id) fields.add(Tag::RequestId, record.request_id->bytes());
  if (!record.event) fields.add_word(Tag::Phase, record.phase);
  fields.add_text(Tag::Caller, record.caller, kMaxCaller);
  if (record.proof != Proof::None) fields.add_word(Tag::Proof, record.proof);
  fields.add_text(Tag::Source, record.source, kMaxSource);
}

void add_key(Fields& fields, const Record& record) {
  fields.add_text(Tag::Operation, record.operation, kMaxOperation);
  if (record.key_id) fields.add(Tag::KeyId, record.key_id->bytes());
  fields.add_text(Tag::KeyName, record.key_name, kMaxKeyName);
  if (!record.version) return;
  Bytes version;
  append_u32(version, to_number(*record.version));
  fields.add(Tag::Version, ByteView(version));
}

void add_outcome(Fields& fields, const Record& record) {
  if (record.outcome) fields.add_word(Tag::Outcome, *record.outcome);
  if (record.reason != Reason::None) fields.add_word(Tag::Reason, record.reason);
  fields.add_text(Tag::Rule, record.rule, kMaxRule);
  fields.add_present(Tag::PolicyHash, record.policy_hash);
  fields.add_present(Tag::BytesIn, record.bytes_in);
  fields.add_present(Tag::BytesOut, record.bytes_out);
  fields.add_present(Tag::ContextMac, record.context_mac);
  if (record.latency) {
    fields.add(Tag::Latency, static_cast<std::uint64_t>(record.latency->count()));
  }
}

}  // namespace

Outcome outcome_of(Code code) noexcept {
  switch (code) {
    case Code::InvalidArgument:
      return Outcome::InvalidArgument;
    case Code::Unauthenticated:
      return Outcome::Unauthenticated;
    case Code::PermissionDenied:
      return Outcome::PermissionDenied;
    case Code::NotFound:
      return Outcome::NotFound;
    case Code::AlreadyExists:
      return Outcome::AlreadyExists;
    case Code::FailedPrecondition:
      return Outcome::FailedPrecondition;
    case Code::Aborted:
      return Outcome::Aborted;
    case Code::PayloadTooLarge:
      return Outcome::PayloadTooLarge;
    case Code::ResourceExhausted:
      return Outcome::ResourceExhausted;
    case Code::Unimplemented:
      return Outcome::Unimplemented;
    case Code::Unavailable:
      return Outcome::Unavailable;
    case Code::DeadlineExceeded:
      return Outcome::DeadlineExceeded;
    case Code::Internal:
      return Outcome::Internal;
  }
  return Outcome::Internal;
}

Record system_record(Event event) {
  Record record;
  record.event = event;
  return record;
}

Bytes encode_fields(const Record& record, const Stamp& stamp) {
  Fields fields;
  fields.begin(record.event ? Kind::System : Kind::Operation, stamp);
  add_caller(fields, record);
  add_key(fields, record);
  add_outcome(fields, record);
  if (record.event) {
    fields.add_word(Tag::Event, *record.event);
    fields.add_present(Tag::Count, record.count);
    fields.add_present(Tag::Digest, record.digest);
    fields.add_present(Tag::First, record.first);
    fields.add_present(Tag::Refused, record.refused);
    if (record.began) fields.add(Tag::Began, *record.began);
  }
  if (record.suite) fields.add(Tag::Suite, ByteView(&*record.suite, 1));
  return std::move(fields).take();
}

Bytes encode_seal_fields(const Stamp& stamp) {
  Fields fields;
  fields.begin(Kind::Seal, stamp);
  return std::move(fields).take();
}

}  // namespace kw::audit
