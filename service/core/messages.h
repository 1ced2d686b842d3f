// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/names.h"
#include "base/secret.h"
#include "service/keys/key.h"

// What goes through the door, as values: a request and an answer for each operation of KeyService.
// Sizes and meanings are the contract's (docs/api.md).
namespace kw::core {

using KeyView = std::shared_ptr<const keys::Key>;

struct CreateKey {
  KeyName name;
  std::string algorithm;
  std::map<std::string, std::string> tags;
  keys::Residency residency = keys::Residency::Token;
};

struct ListKeys {
  std::string prefix;
  std::string after;
  std::size_t limit = 100;
};

struct KeyPage {
  std::vector<KeyView> keys;
  std::string next;  // the name to pass as `after`; empty at the end
};

// One version of a key, or the whole key.
struct KeyTarget {
  KeyName name;
  std::optional<Version> version;
};

struct KeyReport {
  KeyView key;
  std::optional<WallTime> last_used;  // since the service started
};

struct PublicKey {
  KeyView key;
  Version version;
  Bytes subject_public_key_info;  // DER
};

struct Wrap {
  KeyName key;
  Secret plaintext;
  Context context;
};

struct Wrapped {
  KeyName key;
  Version version;
  Bytes blob;
};

struct Unwrap {
  Bytes blob;
  Context context;
  std::optional<KeyName> key;  // must match, where given
};

struct Unwrapped {
  KeyName key;
  Version version;
  Secret plaintext;
};

struct Rewrap {
  Bytes blob;
  Context context;
  std::optional<KeyName> key;
  std::optional<Context> new_context;
};

struct MakeDataKey {
  KeyName key;
  std::size_t size = 32;
  Context context;
  bool with_plaintext = true;
};

struct DataKey {
  KeyName key;
  Version version;
  std::optional<Secret> plaintext;
  Bytes blob;
};

// Either the message itself or its digest under the algorithm's hash.
struct Message {
  Secret bytes;
};
struct Digest {
  Bytes bytes;
};
using ToBeSigned = std::variant<Message, Digest>;

enum class SignatureEncoding { Der, Raw, Jws };

struct Sign {
  KeyName key;
  ToBeSigned input;
  SignatureEncoding encoding = SignatureEncoding::Der;
};

struct Signed {
  KeyName key;
  Version version;
  Bytes signature;
  SignatureEncoding encoding;
};

struct Verify {
  KeyName key;
  std::optional<Version> version;
  ToBeSigned input;
  Bytes signature;
  SignatureEncoding encoding = SignatureEncoding::Der;
};

struct ComputeMac {
  KeyName key;
  Secret message;
};

struct Mac {
  KeyName key;
  Version version;
  Bytes mac;
};

struct VerifyMac {
  KeyName key;
  std::optional<Version> version;
  Secret message;
  Bytes mac;
};

struct Verdict {
  KeyName key;
  Version version;
  bool valid = false;
};

// That a record is in the log, or that the log only grew (RFC 6962, section 2.1): against a
// checkpoint's size, or any smaller one.
struct ProveInclusion {
  std::uint64_t index = 0;
  std::optional<std::uint64_t> size;  // the newest checkpoint's, where it is not given
};
struct ProveGrowth {
  std::uint64_t from = 0;
  std::optional<std::uint64_t> size;
};
struct AuditProof {
  std::uint64_t size = 0;
  std::vector<Sha256Digest> hashes;
};

struct ReadRecords {
  std::uint64_t from = 0;
  std::size_t limit = 100;
};
struct RecordPage {
  std::vector<std::string> records;  // a JSON object each
  std::uint64_t next = 0;            // the index to go on from
};

struct PolicyText {
  std::string text;
  Sha256Digest hash{};
};

// A question for `explain`: may `subject` do `operation`? Empty fields are missing facts.
struct ExplainPolicy {
  std::string spki;
  std::vector<std::string> spiffe;
  std::vector<std::string> dns;
  std::string subject;
  std::string source;
  std::string operation;
  std::string key;
  std::optional<Context> context;
};

struct PolicyExplanation {
  bool allowed = false;
  std::string rule;                      // empty: no rule matched, denied by default
  std::vector<std::string> near_misses;  // a rule and the condition that failed, each
};

}  // namespace kw::core
