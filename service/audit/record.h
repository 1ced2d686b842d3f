// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/names.h"
#include "base/result.h"

namespace kw::audit {

// The closed lists of docs/audit-format.md. The numbers are the format: never reused, never
// changed.

// Phase: a state change is an Intent before the act and an Outcome after it; all else is Single.
enum class Phase : std::uint8_t { Single = 1, Intent = 2, Outcome = 3 };

// Proof is how the caller was proven.
enum class Proof : std::uint8_t { None = 0, Mtls = 1, Jwt = 2, ApiToken = 3 };

// Outcome is what the caller was told: ok, or the code of the answer.
enum class Outcome : std::uint8_t {
  Ok = 0,
  InvalidArgument = 1,
  Unauthenticated = 2,
  PermissionDenied = 3,
  NotFound = 4,
  AlreadyExists = 5,
  FailedPrecondition = 6,
  Aborted = 7,
  PayloadTooLarge = 8,
  ResourceExhausted = 9,
  Unimplemented = 10,
  Unavailable = 11,
  DeadlineExceeded = 12,
  Internal = 13,
};
Outcome outcome_of(Code code) noexcept;

// Reason is why, in a word that only the log knows: callers never see it.
enum class Reason : std::uint8_t {
  None = 0,
  Malformed = 1,
  UnknownKey = 2,
  ForbiddenKey = 3,
  UnknownVersion = 4,
  VersionDisabled = 5,
  VersionDestroyed = 6,
  KeyMismatch = 7,  // the blob belongs to another key than the request names
  TagOrContext = 8,
  WrongPurpose = 9,  // the key's algorithm does not do this
  DeniedByRule = 10,
  NoRuleAllows = 11,
  LimitReached = 12,
  NotProven = 13,
  Revoked = 14,
  Expired = 15,
  Overloaded = 16,
  TokenRefused = 17,
  TokenUnavailable = 18,
  TokenTimeout = 19,
  CatalogUnavailable = 20,
  PolicyInvalid = 21,
  PolicyTestFailed = 22,
  StateForbids = 23,
  Conflict = 24,
  Quarantined = 25,
  // Why the log gave no answers free (Event::AnswersWithheld, Event::SegmentAbandoned).
  DiskFull = 32,
  DiskReadOnly = 33,
  FileDisplaced = 34,  // removed, replaced or cut
  SyncFailed = 35,
  DiskSlow = 36,
  WriteFailed = 37,  // for another reason than those above
  SinkDown = 38,     // one that must have every record before its answer
};

// Event is something that the service itself did or met.
enum class Event : std::uint8_t {
  Start = 1,
  Stop = 2,
  Recovered = 3,             // count: bytes cut from a torn tail; digest: their SHA-256
  PolicyLoaded = 4,          // digest: the policy's hash
  CertificatesReloaded = 5,  // digest: SHA-256 of the server certificate
  Unauthenticated = 6,       // count: requests since the last such record
  KeyQuarantined = 7,        // key id, name and version say which
  TokenLost = 8,
  TokenBack = 9,
  // From `began` on no answer was given free, for `reason`: those of `count` records from `first`
  // on were withheld, and `refused` records got no place.
  AnswersWithheld = 16,
  // The file of a segment was displaced: `first`, `count`: its records, with its seal; digest: the
  // leaf hash of that.
  SegmentAbandoned = 17,
  // A witness says that the log is not the one it knows. source: its name; count: the records that
  // it knows of; digest: SHA-256 of the checkpoint that proves it, if one does.
  WitnessDispute = 18,
};

// Record is one line of the audit log: these fields and no others, so that nothing else can be
// written. None of them may hold plaintext, a context in clear, a PIN or a token. What is empty or
// absent is left out. Text longer than its bound is cut, and ends with the hash of the whole text.
// The log itself adds the sequence, the times and the hash of the record before.
struct Record {
  std::optional<RequestId> request_id;
  Phase phase = Phase::Single;
  std::string caller;  // who was proven, at most 512 bytes
  Proof proof = Proof::None;
  std::string source;     // the peer's address, at most 64 bytes
  std::string operation;  // the policy word, at most 32 bytes
  std::optional<KeyId> key_id;
  std::string key_name;  // as it was asked for, at most 511 bytes
  std::optional<Version> version;
  std::optional<Outcome> outcome;  // absent in an intent
  Reason reason = Reason::None;
  std::string rule;  // id of the rule that decided, at most 128 bytes
  std::optional<Sha256Digest> policy_hash;
  std::optional<std::uint64_t> bytes_in;
  std::optional<std::uint64_t> bytes_out;
  std::optional<Sha256Digest> context_mac;  // HMAC under a token key, never a bare hash
  std::optional<std::chrono::microseconds> latency;
  std::optional<std::uint8_t> suite;  // of the blobs of the key, where it is one for wrapping

  // For system records, which have an event and no phase.
  std::optional<Event> event;
  std::optional<std::uint64_t> count;
  std::optional<Sha256Digest> digest;
  std::optional<std::uint64_t> first;    // an index
  std::optional<std::uint64_t> refused;  // records
  std::optional<WallTime> began;
};

// A system record with nothing but its event.
Record system_record(Event event);

// Stamp is when: wall time for people, steady time since the log was opened for order and gaps.
struct Stamp {
  WallTime wall;
  std::chrono::microseconds since_start;
};

// The canonical fields of a record from its kind on (docs/audit-format.md, "Payload"): what
// precedes them, sequence and previous leaf hash, is the chain's to write.
Bytes encode_fields(const Record& record, const Stamp& stamp);

// The fields of the record that ends a segment.
Bytes encode_seal_fields(const Stamp& stamp);

}  // namespace kw::audit
