// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "service/core/call.h"
#include "service/core/messages.h"
#include "service/core/sealed.h"

namespace kw::core {

class Backend;
class Seat;

// KeyService is the door: every operation of the product, and no other way to a key, a policy or a
// row. Each one takes the caller first, asks the policy, acts in the token, appends the record, and
// yields the answer sealed until that record is durable. Changes of a key's or the policy's state
// append an intent record and wait until it is durable before they act.
//
// One KeyService belongs to one executor thread and owns one token session; not thread-safe. A
// session that failed is replaced before the next operation.
//
// Errors common to all: PermissionDenied (the policy says no, whether or not the key exists),
// NotFound (allowed, but there is no such key), FailedPrecondition (the key's state, or its purpose
// is another), Unavailable (token, catalog or log; nothing was released), DeadlineExceeded.
class KeyService {
 public:
  explicit KeyService(Backend& backend);  // `backend` must outlive it
  ~KeyService();
  KeyService(const KeyService&) = delete;
  KeyService& operator=(const KeyService&) = delete;

  // Keys. create also fails with AlreadyExists and Unimplemented (the token cannot do it).
  Sealed<KeyView> create_key(const Call& call, const CreateKey& request);
  Sealed<KeyPage> list_keys(const Call& call, const ListKeys& request);
  Sealed<KeyReport> show_key(const Call& call, const KeyName& name);
  Sealed<PublicKey> public_key(const Call& call, const KeyTarget& target);
  Sealed<KeyView> rotate_key(const Call& call, const KeyName& name);
  Sealed<KeyView> disable_key(const Call& call, const KeyTarget& target);
  Sealed<KeyView> enable_key(const Call& call, const KeyTarget& target);

  // Blobs. unwrap and rewrap find their key in the blob: whatever fails is one and the same
  // InvalidArgument, but for a caller who may unwrap nothing at all (PermissionDenied) and a
  // version that the caller may use but is disabled (FailedPrecondition).
  Sealed<Wrapped> wrap(const Call& call, const Wrap& request);
  Sealed<Unwrapped> unwrap(const Call& call, const Unwrap& request);
  Sealed<Wrapped> rewrap(const Call& call, const Rewrap& request);
  Sealed<DataKey> data_key(const Call& call, const MakeDataKey& request);

  // Signatures and MACs. Verification of signatures uses the public half and no token.
  Sealed<Signed> sign(const Call& call, const Sign& request);
  Sealed<Verdict> verify(const Call& call, const Verify& request);
  Sealed<Mac> mac(const Call& call, const ComputeMac& request);
  Sealed<Verdict> verify_mac(const Call& call, const VerifyMac& request);

  // 1 to 4,096 bytes from the token's generator, mixed with the system's.
  Sealed<Secret> random(const Call& call, std::size_t size);

  // Policy. A new one is written and activated only if it parses and its own tests pass.
  Sealed<PolicyText> read_policy(const Call& call);
  Sealed<PolicyText> write_policy(const Call& call, const std::string& text);
  Sealed<PolicyExplanation> explain_policy(const Call& call, const ExplainPolicy& request);

  // Audit log. The newest checkpoint as it was signed (C2SP tlog-checkpoint), proofs against one,
  // and the records. prove_* fail with InvalidArgument (beyond the size; a size that no checkpoint
  // has reached) and FailedPrecondition (the record is not under a checkpoint yet).
  Sealed<std::string> read_checkpoint(const Call& call);
  Sealed<AuditProof> prove_inclusion(const Call& call, const ProveInclusion& request);
  Sealed<AuditProof> prove_growth(const Call& call, const ProveGrowth& request);
  Sealed<RecordPage> read_records(const Call& call, const ReadRecords& request);
  // What the log holds in a context's place, to look for where one was used. Errors:
  // InvalidArgument (empty: the log holds nothing for it).
  Sealed<Bytes> context_mac(const Call& call, const Context& context);

  // Records a request of a proven caller that could not be read; yields `error` back, sealed.
  Sealed<Secret> refuse(const Call& call, std::string_view operation, Error error);

  // Asks the token for a sign of life, records the count of unauthenticated requests, rotates keys
  // that have sealed as many messages as is good, and compares some keys with the token again, so
  // that every key is compared once a minute. For the service's
  // own clock, once a second on the State lane.
  void maintain();

 private:
  struct Upkeep;
  void rotate_counted();

  std::unique_ptr<Seat> seat_;
  std::unique_ptr<Upkeep> upkeep_;  // what maintain remembers
};

}  // namespace kw::core
